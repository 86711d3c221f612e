"""Runs as trainings on crops need them: tomograms held in memory, and places to cut at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from tomoscout.candidates import CANDIDATES
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data.runs import load_run
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.ops.thick import thicken


def held(volume: Volume, *, slab: float, normalise: NormaliseSettings) -> Volume:
    """Return a tomogram in memory, its planes averaged over ``slab`` ångström, normalised."""
    nothing = Picks.empty(volume.name)
    return load_run(thicken(volume, slab), nothing, normalise=normalise).volume


def candidates_in(
    volume: Volume, candidates: Choice, *, bright: bool, seed: int
) -> Float[np.ndarray, "n 3"]:
    """Find places worth a look, in ångström, without labels.

    Parameters
    ----------
    volume
        Tomogram as it is.
    candidates
        How they are found.
    bright
        Whether protein is bright in it.
    seed
        Of what is drawn at random.
    """
    family, settings = candidates.resolve(CANDIDATES)
    dark = replace(volume, data=-volume.read()) if bright else volume
    return family.find(dark, settings=settings, rng=np.random.default_rng(seed)).zyx


def labels_of(picks: Picks, objects: ObjectTable) -> Int[np.ndarray, " n"]:
    """Return the label of each pick; -1 for what the table does not know."""
    labels = {name: objects.label(name) for name in objects.names}
    return np.array([labels.get(str(name), -1) for name in np.asarray(picks.objects)], np.int64)
