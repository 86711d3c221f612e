"""Runs as trainings on crops need them: tomograms held in memory, and places to cut at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.places import Places
from tomoscout.data.runs import load_run
from tomoscout.inference.merged_card import SAME_SPACING
from tomoscout.io.project import Run
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.ops.thick import thicken


def held(volume: Volume, *, slab: float, normalise: NormaliseSettings) -> Volume:
    """Return a tomogram in memory, its planes averaged over ``slab`` ångström, normalised."""
    nothing = Picks.empty(volume.name)
    return load_run(thicken(volume, slab), nothing, normalise=normalise).volume


def labels_of(picks: Picks, objects: ObjectTable) -> Int[np.ndarray, " n"]:
    """Return the label of each pick; -1 for what the table does not know."""
    labels = {name: objects.label(name) for name in objects.names}
    return np.array([labels.get(str(name), -1) for name in np.asarray(picks.objects)], np.int64)


def load_each(
    runs: Sequence[Run], load: Callable[[Run], Places], read: Callable[[float], None] | None
) -> list[Places]:
    """Load runs that are trained on together.

    Parameters
    ----------
    runs
        What is loaded.
    load
        Loads one.
    read
        Told the share that is done, 0 to 1.

    Raises
    ------
    UserError
        If voxel spacings differ, or what loading one raises.
    """
    places: list[Places] = []
    for done, run in enumerate(runs, start=1):
        places.append(load(run))
        first, last = places[0].volume, places[-1].volume
        if abs(last.voxel_spacing / first.voxel_spacing - 1) > SAME_SPACING:
            raise UserError(
                f"run '{last.name}' has voxels of {last.voxel_spacing:g} Å and '{first.name}' of "
                f"{first.voxel_spacing:g} Å: train on one voxel size"
            )
        if read is not None:
            read(done / len(runs))
    return places
