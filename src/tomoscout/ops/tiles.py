"""Cut an axis into overlapping tiles whose blend weights are positive and sum to one.

The tiles of a volume are the product of the tiles of its axes, and so are their weights: each
axis is normalised by itself, once, and adding weighted tiles up needs no division afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Blend = Literal["linear", "constant"]


@dataclass(frozen=True)
class AxisTile:
    """One tile along one axis.

    Attributes
    ----------
    start
        First voxel; the tile may hang over the end of the axis.
    weights
        `(cells,)` blend weights of the cells that lie on the axis.
    """

    start: int
    weights: Float[np.ndarray, " cells"]


def fit_tile(length: int, *, limit: int, overlap: int, divisor: int) -> int:
    """Return the tile length, at most ``limit``, that covers an axis with the least surplus.

    Parameters
    ----------
    length, limit, overlap
        Voxels of the axis, of the longest tile allowed, and shared by neighbouring tiles.
    divisor
        Tiles are multiples of it.
    """
    limit = max(limit // divisor, 1) * divisor
    step = max(limit - overlap, divisor)
    count = 1 if length <= limit else -(-(length - overlap) // step)
    even = -(-(length + (count - 1) * overlap) // count)
    return min(-(-even // divisor) * divisor, limit)


def axis_tiles(
    length: int, *, tile: int, step: int, stride: int = 1, blend: Blend = "linear"
) -> list[AxisTile]:
    """Cut an axis of ``length`` voxels into tiles ``step`` apart; the last one is moved to fit.

    Parameters
    ----------
    length, tile, step
        In voxels; ``tile`` and ``step`` are multiples of ``stride``.
    stride
        Voxels per cell of the map the weights are for.
    blend
        ``linear`` ramps over the overlap; ``constant`` takes the plain mean of the tiles.
    """
    if tile % stride or step % stride or not 0 < step <= tile:
        raise ValueError(f"tile {tile} and step {step} must be multiples of stride {stride}")
    end = -(-length // stride) * stride
    starts = [*range(0, max(end - tile, 0), step), max(end - tile, 0)]
    cells, window = end // stride, _window(tile // stride, (tile - step) // stride, blend)
    total = np.zeros(cells)
    pieces = []
    for start in starts:
        first = start // stride
        piece = window[: cells - first]
        total[first : first + len(piece)] += piece
        pieces.append((start, first, piece))
    return [
        AxisTile(start, (piece / total[first : first + len(piece)]).astype(np.float32))
        for start, first, piece in pieces
    ]


def _window(cells: int, overlap: int, blend: Blend) -> Float[np.ndarray, " cells"]:
    """Weights of one tile before normalisation: high inside, low but above zero at its ends."""
    if blend == "constant":
        return np.ones(cells)
    at = np.arange(cells)
    to_edge = np.minimum(at, cells - 1 - at) + 1.0
    return np.minimum(to_edge / (overlap + 1), 1.0)
