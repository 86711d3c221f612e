"""Label volumes beside a crop: which steps move them exactly, and which would blur them.

A label is a whole number and cannot be interpolated: nearest voxels would shift edges by up to
half a voxel, at every step. So steps that interpolate are refused where a target needs labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume


def augment_labelled(
    volume: Volume,
    labels: Volume,
    picks: Picks,
    *,
    steps: Sequence[tuple[Any, Any]],
    rng: np.random.Generator,
) -> tuple[Volume, Volume, Picks]:
    """Apply steps in order to a crop, its label volume and its points.

    The image and the points come out as `augment` returns them for the same ``rng``.

    Parameters
    ----------
    volume
        Crop.
    labels
        Whole numbers on the same voxels.
    picks
        Centres in ångström from the crop's corner.
    steps
        What to do, none of which interpolates; see `prepare` and `keeps_labels`.
    rng
        Source of all randomness.
    """
    for module, settings in steps:
        if module.LABELS == "lost":
            raise ValueError(f"{module.__name__} interpolates, and labels cannot be")
        before, twin = picks, deepcopy(rng)
        volume, picks = module.apply(volume, picks, settings=settings, rng=rng)
        if module.LABELS == "moved":  # the same draws again, so the same move
            labels, _ = module.apply(labels, before, settings=settings, rng=twin)
    return volume, labels, picks
