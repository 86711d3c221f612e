"""Places worth a look in a tomogram, whichever way its protein shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from tomoscout.candidates import CANDIDATES
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume


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
