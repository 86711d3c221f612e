"""Which particle a point lies on, where distances decide."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._runs import labels_of

NOTHING = -1


def nearest_in_reach(
    zyx: Float[np.ndarray, "n 3"],
    known: Picks,
    *,
    objects: ObjectTable,
    reach: Mapping[str, float],
) -> Int[np.ndarray, " n"]:
    """Return the row of the nearest particle in whose reach each point lies; -1 for none.

    Parameters
    ----------
    zyx
        Points, in ångström.
    known
        The particles.
    objects
        Their kinds; of particles equally near the one of the first kind is taken.
    reach
        How far from its centre a particle of each kind reaches, in ångström, the bound included.
    """
    on, nearest = np.full(len(zyx), NOTHING), np.full(len(zyx), np.inf)
    label = labels_of(known, objects)
    for place, one in enumerate(objects.each()):
        rows = np.flatnonzero(label == place)
        if not len(rows) or not len(zyx):
            continue
        bound = np.nextafter(reach[one.name], np.inf)  # it is not included itself
        answer = cKDTree(known.zyx[rows]).query(zyx, distance_upper_bound=bound)
        distance, row = np.asarray(answer[0]), np.asarray(answer[1])
        better = distance < nearest
        on[better], nearest[better] = rows[row[better]], distance[better]
    return on
