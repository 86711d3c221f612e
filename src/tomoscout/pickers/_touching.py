"""Group the cells of a sparse set that touch by a face, an edge or a corner."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

_MANY = 50_000


def touching(cells: Int[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """Return a group number, from 0 without gaps, for each of some distinct cells."""
    if len(cells) > _MANY:  # a flat map: listing all pairs would take gigabytes
        low = cells.min(axis=0)
        mask = np.zeros(cells.max(axis=0) - low + 1, bool)
        mask[tuple((cells - low).T)] = True
        labels = ndimage.label(mask, np.ones((3, 3, 3)))[0]
        return np.asarray(labels[tuple((cells - low).T)], np.intp) - 1
    a, b = cKDTree(cells).query_pairs(1.8, output_type="ndarray").T  # a corner is 1.73 away
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(len(cells), len(cells)))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)
