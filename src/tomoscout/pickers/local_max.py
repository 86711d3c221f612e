"""Picks as the local maxima of a score map, refined below one cell.

A detector leaves one bump per particle. Its highest cell is the pick; a parabola through the
logarithms of that cell and its two neighbours, on each axis, moves the pick to the top of the
bump (exact when the bump is a Gaussian). Picks nearer to a better one than a fraction of the
object's radius are dropped. This is the picker to start with: it is the quickest, it parts
particles that touch, and it suits maps of points, heatmaps and small spheres alike. Choose
``components`` for broad, flat answers whose middle says more than their top.

Only cells at the threshold or above are looked at, and each is dropped at its first higher
neighbour, so a map of 92 x 315 x 315 cells takes some 30 ms; slabs keep the memory small.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field
from scipy import ndimage

from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as _Settings
from tomoscout.ops.suppress import suppress
from tomoscout.pickers._checks import check, lowest_passing
from tomoscout.pickers._touching import touching

_SLAB = 16
"""Planes looked at together."""


class Settings(_Settings):
    """How near picks may lie, and how much the map is smoothed."""

    distance: float = Field(default=1.2, gt=0)
    """Least distance of two picks of an object, as a fraction of its radius."""
    # In the CZII training data the closest ribosomes are 1.39 radii apart and 95 % of the
    # apo-ferritins at least 1.65: 1.2 leaves each of a pair some 14 Å to be misplaced by.
    smooth: float = Field(default=0.0, ge=0)
    """Standard deviation, in ångström, of a Gaussian laid over the map first; scores sink."""


def find_picks(
    score: Float[np.ndarray, "z y x"],
    *,
    geometry: Geometry,
    radius: float,
    name: str,
    threshold: float,
    settings: Settings,
) -> Picks:
    """Find the maxima of an object's score map, best first.

    Parameters
    ----------
    score
        Probability that each cell holds a centre; half precision is read as it is.
    geometry
        Where the cells lie.
    radius
        The object's radius, in ångström.
    name
        The object's name.
    threshold
        Lowest score of a pick, above 0 and at most 1.
    settings
        Distance and smoothing.

    Raises
    ------
    UserError
        If the threshold is out of range or the map holds values that are not numbers.
    """
    check(score, geometry, name=name, threshold=threshold)
    spacing, whole = geometry.cell_spacing, slice(0, score.shape[0])
    found = peaks(score, planes=whole, spacing=spacing, threshold=threshold, settings=settings)
    return settle(found, geometry=geometry, radius=radius, name=name, settings=settings)


class Peaks(NamedTuple):
    """Maxima of a map before those that lie too near to better ones are dropped."""

    cells: Int[np.ndarray, "n 3"]
    """The cells that no neighbour exceeds, in the map's own order."""
    tops: Float[np.ndarray, "n 3"]
    """The same, moved to the tops of their bumps."""
    height: Float[np.ndarray, " n"]
    """Scores of the cells."""


def halo(radius: float, settings: Settings) -> float:
    """Return how far, in ångström, a maximum depends on cells besides its neighbours."""
    return 4.0 * settings.smooth


def peaks(
    score: Float[np.ndarray, "z y x"],
    *,
    planes: slice,
    spacing: float,
    threshold: float,
    settings: Settings,
) -> Peaks:
    """Find the maxima in some planes of a part of a map, which may be all of it.

    Parameters
    ----------
    score
        The planes, and on both sides the neighbours and the `halo` where the map has them.
    planes
        Which planes to look for maxima in.
    spacing
        Edge of a cell, in ångström.
    threshold
        Lowest score of a maximum.
    settings
        Smoothing.
    """
    if settings.smooth:
        score = score.astype(np.float32)
        score = ndimage.gaussian_filter(score, settings.smooth / spacing, mode="nearest")
    cells = _maxima(score, threshold)
    cells = cells[(cells[:, 0] >= planes.start) & (cells[:, 0] < planes.stop)]
    return Peaks(cells, _refine(score, cells), score[tuple(cells.T)].astype(np.float64))


def settle(
    found: Peaks, *, geometry: Geometry, radius: float, name: str, settings: Settings
) -> Picks:
    """Turn all maxima of a map into picks: merge those that touch, drop those too near.

    Parameters
    ----------
    found
        Maxima of the whole map, however many parts it was looked at in.
    geometry, radius, name, settings
        See `find_picks`.
    """
    tops, height = _merge_plateaus(*found)
    zyx = geometry.to_angstrom(tops)
    # The last cells of a strided map hang over the edge; a particle does not.
    zyx = np.minimum(zyx, (np.array(geometry.shape) - 1) * geometry.voxel_spacing)
    kept = suppress(zyx, height, settings.distance * radius)
    return Picks(zyx[kept], name, height[kept], extent=geometry.extent)


def _maxima(score: Float[np.ndarray, "z y x"], threshold: float) -> Int[np.ndarray, "n 3"]:
    """Cells at or above the threshold that none of their 26 neighbours exceeds."""
    # Positive floats sort like the integers of the same bits, and integers compare five times as
    # fast as half floats. Negative scores turn into negative integers: never at the threshold.
    whole = np.dtype(f"i{score.dtype.itemsize}")
    bits = int(lowest_passing(threshold, score.dtype).view(whole))
    depth, *plane = score.shape
    slab = np.empty((_SLAB + 2, plane[0] + 2, plane[1] + 2), whole)
    flat = slab.reshape(-1)
    row, area = slab.shape[2], slab.shape[1] * slab.shape[2]
    steps = [
        dz * area + dy * row + dx
        for dz in (0, -1, 1) for dy in (0, -1, 1) for dx in (0, -1, 1)
    ][1:]  # fmt: skip
    found = [np.zeros((0, 3), np.intp)]
    for start in range(0, depth, _SLAB):
        stop = min(start + _SLAB, depth)
        low, high = max(start - 1, 0), min(stop + 1, depth)
        slab.fill(np.iinfo(whole).min)  # what lies outside the map is lower than all in it
        region = np.ascontiguousarray(score[low:high]).view(whole)
        slab[low - start + 1 : high - start + 1, 1:-1, 1:-1] = region
        here = area + np.flatnonzero(flat[area : (stop - start + 1) * area] >= bits)
        height = flat[here]
        for step in steps:
            top = flat[here + step] <= height
            here, height = here[top], height[top]
        cells = np.stack(np.unravel_index(here, slab.shape), axis=1)
        found.append(cells + np.array([start - 1, -1, -1]))
    return np.concatenate(found)


def _refine(
    score: Float[np.ndarray, "z y x"], cells: Int[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Move cells, by half a cell at most, to the top of their bump; edges stay where they are."""
    here = score[tuple(cells.T)].astype(np.float64)
    tops = cells.astype(np.float64)
    for axis, length in enumerate(score.shape):
        sides = []
        for step in (-1, 1):
            beside = cells.copy()
            beside[:, axis] = np.clip(beside[:, axis] + step, 0, length - 1)
            side = score[tuple(beside.T)].astype(np.float64)
            # A thousandth of the peak is as good as nothing; the logarithm needs some floor.
            sides.append(np.log(np.maximum(side / here, 1e-3)))
        below, above = sides
        bend = below + above
        inside = (cells[:, axis] > 0) & (cells[:, axis] < length - 1) & (bend < 0)
        tops[inside, axis] += 0.5 * (below - above)[inside] / bend[inside]
    return tops


def _merge_plateaus(
    cells: Int[np.ndarray, "n 3"],
    tops: Float[np.ndarray, "n 3"],
    height: Float[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, "m 3"], Float[np.ndarray, " m"]]:
    """Turn maxima that touch, and so are equally high, into one pick in their middle."""
    if len(cells) < 2:
        return tops, height
    group = touching(cells)
    size = np.bincount(group)
    middle = np.stack([np.bincount(group, tops[:, a]) / size for a in range(3)], axis=1)
    return middle, np.bincount(group, height) / size
