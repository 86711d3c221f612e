"""Picks as the local maxima of a score map, refined below one cell.

A detector leaves one bump per particle. Its highest cell is the pick; a parabola through the
logarithms of that cell and its two neighbours, on each axis, moves the pick to the top of the
bump (exact when the bump is a Gaussian). Picks nearer to a better one than a fraction of the
object's radius are dropped. This is the picker to start with: it is the quickest, it parts
particles that touch, and it suits maps of points, heatmaps and small spheres alike. Choose
``components`` for broad, flat answers whose middle says more than their top.

Detectors trained on balls answer with broad, flat blobs. There, smooth: over the scores, or as
ETFinder's ``peak_local_max_gpu`` over a mask of the cells at the threshold (``source: mask``),
whose maxima lie in the middles of blobs. Its five averages over 3 x 3 x 3 voxels have the variance
of a Gaussian of 1.83 voxels, and in the challenge's tomograms of ``smooth: 18.3``.

Only cells at the threshold or above are looked at, and each is dropped at its first higher
neighbour, so a map of 92 x 315 x 315 cells takes some 30 ms; slabs keep the memory small.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int
from pydantic import Field, model_validator
from scipy import ndimage

from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.ops.suppress import suppress
from tomoscout.pickers._cells import BlockSettings, finer, in_blocks, reaching
from tomoscout.pickers._checks import check
from tomoscout.pickers._maxima import maxima
from tomoscout.pickers._touching import touching

_FILLED = 1e-6
"""Least height of a maximum in a smoothed mask, whatever is asked."""


class Settings(BlockSettings):
    """How near picks may lie, and how much the map is smoothed."""

    distance: float = Field(default=1.2, ge=0)
    """Least distance of two picks of an object, as a fraction of its radius."""
    # In the CZII training data the closest ribosomes are 1.39 radii apart and 95 % of the
    # apo-ferritins at least 1.65: 1.2 leaves each of a pair some 14 Å to be misplaced by.
    smooth: float = Field(default=0.0, ge=0)
    """Standard deviation, in ångström, of a Gaussian laid over the map first; where it is laid over
    the scores, these sink."""
    source: Literal["score", "mask"] = "score"
    """Where maxima are looked for: in the scores, or in a mask of the cells at the threshold. A
    maximum of the mask scores as the map does there."""
    peak: float = Field(default=0.0, ge=0, lt=1)
    """Least height of a maximum in the smoothed mask: the share of its surroundings, as the
    Gaussian weighs them, that is at the threshold. It drops small blobs."""

    @model_validator(mode="after")
    def _peaks_of_a_mask(self) -> Settings:
        if self.peak and self.source != "mask":
            raise ValueError("peak is a height in the mask: set source to mask, or leave it out")
        return self


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


def is_nested(settings: Settings) -> bool:
    """Tell whether a threshold only drops picks: a mask changes with it, scores do not."""
    return settings.source == "score"


def widened(settings: Settings, times: float) -> Settings:
    """Nothing that is large is dropped."""
    del times
    return settings


class Peaks(NamedTuple):
    """Maxima of a map before those that lie too near to better ones are dropped."""

    cells: Int[np.ndarray, "n 3"]
    """The cells that no neighbour exceeds, in the map's own order; of blocks, the first."""
    tops: Float[np.ndarray, "n 3"]
    """The same, moved to the tops of their bumps."""
    height: Float[np.ndarray, " n"]
    """Scores of the cells."""


def halo(radius: float, settings: Settings) -> float:
    """Return how far, in ångström, a maximum depends on cells besides its neighbours."""
    # Blocks at the rim of a part need all their cells, and their neighbours.
    return 4.0 * settings.smooth + (2.0 * radius if settings.downsample > 1 else 0.0)


def peaks(
    score: Float[np.ndarray, "z y x"],
    *,
    planes: slice,
    first: int = 0,
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
        Which of the part's planes to look for maxima in; a block lies where its first cell does.
    first
        The whole map's plane at which the part begins.
    spacing
        Edge of a cell, in ångström.
    threshold
        Lowest score of a maximum.
    settings
        Smoothing, and what is searched.
    """
    factor = settings.downsample
    start, score, own = in_blocks(score, planes, first, factor)
    sigma = settings.smooth / (spacing * factor)
    if settings.source == "mask":
        searched = _smooth(reaching(score, threshold).astype(np.float32), sigma)
        lowest = max(settings.peak, _FILLED)
    else:
        score = searched = _smooth(score, sigma) if sigma else score
        lowest = threshold
    cells = maxima(searched, lowest)
    cells = cells[(cells[:, 0] >= own.start) & (cells[:, 0] < own.stop)]
    height = score[tuple(cells.T)].astype(np.float64)
    cells, height = cells[height >= threshold], height[height >= threshold]
    corner = np.array([first + start, 0, 0])
    # Whole numbers first: a map in parts gives the same positions, bit for bit.
    tops = finer(cells, factor) + corner + factor * _refine(searched, cells)
    return Peaks(cells * factor + corner, tops, height)


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
    tops, height = _merge_plateaus(found.cells // settings.downsample, found.tops, found.height)
    zyx = geometry.to_angstrom(tops)
    # The last cells of a strided map hang over the edge; a particle does not.
    zyx = np.minimum(zyx, (np.array(geometry.shape) - 1) * geometry.voxel_spacing)
    kept = suppress(zyx, height, settings.distance * radius)
    return Picks(zyx[kept], name, height[kept], extent=geometry.extent)


def _smooth(score: Float[np.ndarray, "z y x"], sigma: float) -> Float32[np.ndarray, "z y x"]:
    """Lay a Gaussian, its width in cells, over a map."""
    return ndimage.gaussian_filter(score.astype(np.float32), sigma, mode="nearest")


def _refine(
    score: Float[np.ndarray, "z y x"], cells: Int[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Return how far, by half a cell at most, tops of bumps lie from their cells; 0 at edges."""
    here = score[tuple(cells.T)].astype(np.float64)
    shift = np.zeros(cells.shape)
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
        shift[inside, axis] = 0.5 * (below - above)[inside] / bend[inside]
    return shift


def _merge_plateaus(
    cells: Int[np.ndarray, "n 3"],
    tops: Float[np.ndarray, "n 3"],
    height: Float[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, "m 3"], Float[np.ndarray, " m"]]:
    """Turn maxima that touch, and so are equally high, into one in their middle, the best score."""
    if len(cells) < 2:
        return tops, height
    group = touching(cells)
    size = np.bincount(group)
    middle = np.stack([np.bincount(group, tops[:, a]) / size for a in range(3)], axis=1)
    best = np.zeros(len(size))
    np.maximum.at(best, group, height)
    return middle, best
