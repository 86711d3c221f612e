"""Which crops show the same place, so that telling them apart is nothing to learn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy.spatial.distance import cdist


def overlap_conflicts(
    zyx: Float[np.ndarray, "n 3"], runs: Shaped[np.ndarray, " n"], *, distance: float
) -> Bool[np.ndarray, "m m"]:
    """Mark pairs of views, two of each crop, that lie close together in the same run.

    Parameters
    ----------
    zyx
        Centres of the crops, in any unit.
    runs
        The run, by name or number, that each crop comes from.
    distance
        Crops of a run that are nearer than this are in conflict; in the unit of ``zyx``.

    Returns
    -------
    Bool[np.ndarray, "m m"]
        `m = 2n`: first views of all crops, then second ones. A crop is always in conflict with
        itself.

    Raises
    ------
    ValueError
        If ``distance`` is below 0.
    """
    if distance < 0:
        raise ValueError(f"the distance of crops in conflict must be at least 0, got {distance}")
    near = cdist(zyx, zyx) < distance
    near &= runs[:, None] == runs
    np.fill_diagonal(near, True)
    return np.tile(near, (2, 2))
