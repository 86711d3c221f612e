"""The cells of a map that are high enough: all that most pickers look at.

A score map is nearly empty. Some thousands of its millions of cells reach a threshold, and what
follows (labelling, parting, averaging) works on the list of these, in memory that does not grow
with the map.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from pydantic import Field

from tomoscout.core.settings import Settings
from tomoscout.pickers._checks import lowest_passing


class Cells(NamedTuple):
    """The cells that belong to particles."""

    cells: Int[np.ndarray, "n 3"]
    """Where they are, in the map's own order; of blocks of cells, the first."""
    height: Float[np.ndarray, " n"]
    """Their scores."""


class BlockSettings(Settings):
    """How many cells are taken as one."""

    downsample: int = Field(default=1, ge=1, le=8)
    """Cells per axis that are averaged to one first: quicker, coarser, and scores sink."""


class CellSettings(BlockSettings):
    """Which cells belong to particles."""

    cells: float | None = Field(default=None, gt=0, le=1)
    """Lowest score of a cell that belongs to a particle; None: the threshold itself. With a number
    the particles are the same at every threshold, which then only drops those that score less."""


def is_nested(settings: CellSettings) -> bool:
    """Tell whether a threshold only drops picks: it does where it does not choose the cells."""
    return settings.cells is not None


def halo(radius: float, settings: BlockSettings) -> float:
    """Return how far, in ångström, reaching the threshold depends on cells around a cell."""
    # A cell depends on itself alone, a block at the rim of a part on the rest of it.
    return 2.0 * radius if settings.downsample > 1 else 0.0


def peaks(
    score: Float[np.ndarray, "z y x"],
    *,
    planes: slice,
    first: int = 0,
    spacing: float,
    threshold: float,
    settings: CellSettings,
) -> Cells:
    """Find the cells that particles are made of in some planes of a part of a map.

    Parameters
    ----------
    score
        The planes, and the `halo` on both sides where the map has it.
    planes
        Which of the part's planes to look at; a block lies where its first cell does.
    first
        The whole map's plane at which the part begins.
    spacing
        Edge of a cell, in ångström; not needed here.
    threshold
        Lowest score of a cell, or of the mean of a block, unless the settings name one.
    settings
        How many cells make a block, and what they score at least.
    """
    lowest = threshold if settings.cells is None else settings.cells
    if settings.downsample == 1:
        start, blocks, own = planes.start, score[planes], slice(None)
    else:
        start, blocks, own = in_blocks(score, planes, first, settings.downsample)
    here = np.flatnonzero(reaching(blocks[own], lowest))
    cells = np.stack(np.unravel_index(here, blocks[own].shape), axis=1)
    height = np.ascontiguousarray(blocks[own]).reshape(-1)[here].astype(np.float64)
    cells[:, 0] += own.start or 0
    corner = np.array([first + start, 0, 0])
    return Cells(cells * settings.downsample + corner, height)


def in_blocks(
    score: Float[np.ndarray, "z y x"], planes: slice, first: int, factor: int
) -> tuple[int, Float[np.ndarray, "coarse_z coarse_y coarse_x"], slice]:
    """Average a part of a map in the blocks of the whole map.

    Returns
    -------
    tuple
        The part's plane at which the blocks begin, their means, and which planes of blocks begin
        in the given planes.
    """
    skip = -first % factor
    begin, end = (-(-(plane - skip) // factor) for plane in (planes.start, planes.stop))
    return skip, coarser(score[skip:], factor), slice(max(begin, 0), max(end, 0))


def reaching(score: Float[np.ndarray, "z y x"], threshold: float) -> Bool[np.ndarray, "z y x"]:
    """Tell which cells are at the threshold or above."""
    # Positive floats sort like the integers of the same bits, which compare five times as fast as
    # half floats. Negative scores turn into negative integers: never at the threshold.
    whole = np.dtype(f"i{score.dtype.itemsize}")
    limit = lowest_passing(threshold, score.dtype).view(whole)
    return np.asarray(np.ascontiguousarray(score).view(whole) >= limit)


def coarser(
    score: Float[np.ndarray, "z y x"], factor: int
) -> Float[np.ndarray, "coarse_z coarse_y coarse_x"]:
    """Average blocks of ``factor`` cells per axis; the last ones may hold fewer."""
    if factor == 1:
        return score
    blocks = [-(-n // factor) for n in score.shape]
    total: Float32[np.ndarray, "z y x"] = np.zeros(blocks, np.float32)
    for corner in itertools.product(range(factor), repeat=3):
        part = score[tuple(slice(start, None, factor) for start in corner)]
        total[tuple(slice(n) for n in part.shape)] += part
    for axis, (n, m) in enumerate(zip(score.shape, blocks, strict=True)):
        held = np.minimum(factor, n - factor * np.arange(m)).astype(np.float32)
        total /= held.reshape([-1 if a == axis else 1 for a in range(3)])
    return total


def finer(
    cells: Float[np.ndarray, "n 3"] | Int[np.ndarray, "n 3"], factor: int
) -> Float[np.ndarray, "n 3"]:
    """Return (fractional) cells of a map for those of one whose cells are means of blocks."""
    return np.asarray(cells, np.float64) * factor + (factor - 1) / 2
