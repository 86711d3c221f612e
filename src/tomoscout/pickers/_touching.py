"""Group the cells of a sparse set that touch by a face, an edge or a corner.

Few cells are paired by a KD-tree; many are painted into boxes of some planes, which the library
cc3d (Silversmith, 2021, doi:10.5281/zenodo.5719536) labels where it is installed, else SciPy. Boxes
share a plane, and what it holds joins their labels, so that memory does not grow with the map.
"""

from __future__ import annotations

import importlib

import numpy as np
from jaxtyping import Bool, Int, Integer
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

_MANY = 5_000
_ROOM = 1 << 24
"""Cells of a box that is labelled at once."""


def touching(cells: Int[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """Return a group number, from 0 without gaps, for each of some distinct cells."""
    if len(cells) > _MANY:
        return _painted(cells)
    a, b = cKDTree(cells).query_pairs(1.8, output_type="ndarray").T  # a corner is 1.73 away
    return _joined(a, b, len(cells))


def _painted(cells: Int[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """Group many cells by painting them into boxes that share a plane with the next."""
    place = cells - cells.min(axis=0)
    depth, *plane = place.max(axis=0) + 1
    thick = int(max(2, _ROOM // (plane[0] * plane[1])))
    group = np.zeros(len(cells), np.intp)
    before, after = [], []
    count = 0
    for start in range(0, max(depth - 1, 1), thick - 1):
        here = np.flatnonzero((place[:, 0] >= start) & (place[:, 0] < start + thick))
        if not len(here):
            continue
        inside = place[here] - np.array([start, 0, 0])
        mask = np.zeros((min(thick, depth - start), *plane), bool)
        mask[tuple(inside.T)] = True
        label = _label(mask)[tuple(inside.T)].astype(np.intp) - 1 + count
        shared = (inside[:, 0] == 0) & (start > 0)  # already labelled by the box before
        before.append(group[here[shared]])
        after.append(label[shared])
        group[here[~shared]] = label[~shared]
        count = int(label.max()) + 1
    return _joined(np.concatenate(before), np.concatenate(after), count)[group]


def _joined(
    a: Int[np.ndarray, " pairs"], b: Int[np.ndarray, " pairs"], count: int
) -> Int[np.ndarray, " count"]:
    """Give each the number of the set that pairs join it to, directly or through others."""
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def _label(mask: Bool[np.ndarray, "z y x"]) -> Integer[np.ndarray, "z y x"]:
    """Label the 26-connected parts of a mask from 1."""
    try:
        cc3d = importlib.import_module("cc3d")  # LGPL, and so not for every environment
        return np.asarray(cc3d.connected_components(mask, connectivity=26))
    except (ImportError, RuntimeError):  # in some small boxes cc3d makes too little room for labels
        return np.asarray(ndimage.label(mask, np.ones((3, 3, 3)))[0])
