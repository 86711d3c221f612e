"""Part blobs of cells into basins: one for each particle where several touch.

Basins are flooded from seeds by the watershed transform (Vincent and Soille, 1991,
doi:10.1109/34.87344). The relief is the distance to the blob's surface, which parts blobs at their
necks and suits flat answers, or the score itself, which parts peaks. Seeds are the maxima of the
relief, the highest first, none nearer to a better one of its blob than asked.

Blobs lie scattered in an empty map: they are laid out anew, one behind the other, so that distance
and flooding are computed for all of them at once and for little besides them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy import ndimage

from tomoscout.ops.suppress import suppress
from tomoscout.pickers._maxima import maxima
from tomoscout.pickers._touching import touching

Relief = Literal["distance", "score"]

_SMOOTH = 1.0
"""Width of a Gaussian, in cells: the distance of cells to a rough surface has many false tops."""
_MARGIN = 2
"""Empty cells around each blob: what the Gaussian reaches."""
_ROOM = 1 << 22
"""Cells of a layout."""


class _Layout(NamedTuple):
    """Blobs one behind the other."""

    members: Int[np.ndarray, " n"]
    """Which of all cells are in it."""
    place: Int[np.ndarray, "n 3"]
    """Where they lie in it."""
    shape: tuple[int, int, int]


def part(
    cells: Int[np.ndarray, "n 3"],
    height: Float[np.ndarray, " n"],
    blob: Int[np.ndarray, " n"],
    *,
    apart: float,
    relief: Relief,
) -> Int[np.ndarray, " n"]:
    """Return the basin, from 0 without gaps, that each cell belongs to.

    Parameters
    ----------
    cells
        Distinct cells.
    height
        Their scores, above 0.
    blob
        Which blob each belongs to, from 0 without gaps. Different blobs do not touch.
    apart
        Least distance of two seeds of a blob, in cells.
    relief
        What is flooded: the distance to the surface or the score.
    """
    basin = blob.copy()
    if not len(cells):
        return basin
    low, high = _bounds(cells, blob)
    # Two seeds fit only where the diagonal is as long as they are apart.
    large = np.linalg.norm(high - low, axis=1) >= apart
    count = int(blob.max()) + 1
    for layout in _layouts(cells, blob, low, high, np.flatnonzero(large)):
        members, place = layout.members, tuple(layout.place.T)
        ground = _relief(height[members], layout, relief)
        number = np.zeros(layout.shape, np.int32)
        number[place] = np.arange(1, len(members) + 1)
        seeds = _seeds(ground, number, blob[members], apart)
        several = np.bincount(blob[members][seeds], minlength=len(low)) > 1
        seeds = seeds[several[blob[members][seeds]]]
        if not len(seeds):
            continue
        flooded = _flood(ground, layout, seeds, several[blob[members]])
        parted = flooded > 0
        basin[members[parted]] = count + flooded[parted] - 1
        count += len(seeds)
    # Numbered as their first cells come: of equal scores the first wins, however laid out.
    _, first, basin = np.unique(basin, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[basin]


def _relief(
    height: Float[np.ndarray, " n"], layout: _Layout, kind: Relief
) -> Float32[np.ndarray, "z y x"]:
    """Paint the relief of a layout; it is 0 between the blobs."""
    ground = np.zeros(layout.shape, np.float32)
    if kind == "score":
        ground[tuple(layout.place.T)] = height
        return ground
    ground[tuple(layout.place.T)] = 1
    distance = ndimage.distance_transform_edt(ground).astype(np.float32)
    smooth = ndimage.gaussian_filter(distance, _SMOOTH, mode="constant", truncate=_MARGIN)
    return np.asarray(np.where(ground > 0, smooth, 0), np.float32)


def _seeds(
    ground: Float32[np.ndarray, "z y x"],
    number: Int[np.ndarray, "z y x"],
    blob: Int[np.ndarray, " n"],
    apart: float,
) -> Int[np.ndarray, " seeds"]:
    """Choose seeds among the cells of a layout: its maxima, those of a plateau as one."""
    tops = maxima(ground, 1e-6)
    group = touching(tops)
    size = np.bincount(group)
    middle = np.stack([np.bincount(group, tops[:, axis]) / size for axis in range(3)], axis=1)
    # The cell of a plateau that is nearest to its middle stands for it.
    nearest = np.lexsort((((tops - middle[group]) ** 2).sum(axis=1), group))
    tops = tops[nearest[np.searchsorted(group[nearest], np.arange(len(size)))]]
    seeds = number[tuple(tops.T)].astype(np.intp) - 1
    # Blobs are moved so far apart that no seed is dropped for one of another blob.
    lifted = tops + np.outer(blob[seeds], [ground.shape[0] + 2 * apart, 0, 0])
    return seeds[suppress(lifted, ground[tuple(tops.T)].astype(np.float64), apart)]


def _flood(
    ground: Float32[np.ndarray, "z y x"],
    layout: _Layout,
    seeds: Int[np.ndarray, " seeds"],
    wet: np.ndarray,
) -> Int[np.ndarray, " n"]:
    """Flood the wet cells of a layout from seeds; return each cell's seed from 1, 0 where dry."""
    from skimage.segmentation import watershed  # takes a second to import

    place = tuple(layout.place.T)
    mask, markers = np.zeros(layout.shape, bool), np.zeros(layout.shape, np.int32)
    mask[place] = wet
    markers[tuple(layout.place[seeds].T)] = np.arange(1, len(seeds) + 1)
    flooded = watershed(-ground, markers, connectivity=np.ones((3, 3, 3), bool), mask=mask)
    return np.asarray(flooded[place], np.intp)


def _bounds(
    cells: Int[np.ndarray, "n 3"], blob: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, "blobs 3"], Int[np.ndarray, "blobs 3"]]:
    """Return the first and the last cell, per axis, of each blob."""
    order = np.argsort(blob, kind="stable")
    first = np.searchsorted(blob[order], np.arange(int(blob.max()) + 1))
    ordered = cells[order]
    return np.minimum.reduceat(ordered, first), np.maximum.reduceat(ordered, first)


def _layouts(
    cells: Int[np.ndarray, "n 3"],
    blob: Int[np.ndarray, " n"],
    low: Int[np.ndarray, "blobs 3"],
    high: Int[np.ndarray, "blobs 3"],
    wanted: Int[np.ndarray, " wanted"],
) -> Iterator[_Layout]:
    """Lay some blobs out behind each other; those of like width together, not too many at once."""
    size = high - low + 1
    width = np.ceil(np.log2(size[:, 1:].max(axis=1))).astype(np.intp)
    for shelf in np.unique(width[wanted]):
        blobs = wanted[width[wanted] == shelf]
        y, x = size[blobs, 1:].max(axis=0) + 2 * _MARGIN
        depth = size[blobs, 0] + _MARGIN
        batch = np.cumsum(depth) * y * x // _ROOM
        for chosen in (batch == number for number in np.unique(batch)):
            offset = np.full(len(size), -1)
            offset[blobs[chosen]] = _MARGIN + np.cumsum(depth[chosen]) - depth[chosen]
            members = np.flatnonzero(offset[blob] >= 0)
            place = cells[members] - low[blob[members]] + np.array([0, _MARGIN, _MARGIN])
            place[:, 0] += offset[blob[members]]
            yield _Layout(members, place, (int(depth[chosen].sum()) + _MARGIN, int(y), int(x)))
