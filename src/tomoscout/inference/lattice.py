"""Streams of slabs brought onto one lattice of cells, and into step with one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float16, Float32, Int
from torch import Tensor

from tomoscout.core.geometry import Geometry
from tomoscout.inference.sliding_window import Slab

_PLANES = 16  # made finer at once, so that memory stays small however coarse the map was


class Neighbours(NamedTuple):
    """The two coarse cells beside each fine one, along one axis."""

    lower: Int[np.ndarray, " n"]
    upper: Int[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]
    """Of the upper one; the lower one has the rest."""


def neighbours(coarse: Geometry, fine: Geometry, axis: int) -> Neighbours:
    """Return the coarse cells between whose centres each fine cell's centre lies, on one axis.

    Beyond the outermost centres the outermost cell counts alone.
    """
    count, last = fine.cells[axis], coarse.cells[axis] - 1
    centres = fine.to_angstrom(np.arange(count)[:, None].repeat(3, axis=1))
    at = np.clip(coarse.to_cells(centres)[:, axis], 0, last)
    lower = np.floor(at + 1e-9).astype(np.int64)  # a centre on a centre needs no neighbour
    weight = np.maximum(at - lower, 0).astype(np.float32)
    weight[weight < 1e-6] = 0
    return Neighbours(lower, np.where(weight > 0, lower + 1, lower), weight)


def first_needed(coarse: Geometry, fine: Geometry, first: int) -> int:
    """Return the coarse plane that a stream of fine planes from ``first`` on begins with."""
    lower = neighbours(coarse, fine, 0).lower
    return int(lower[first]) if first < len(lower) else coarse.cells[0]


def refine(
    slabs: Iterator[Slab], *, coarse: Geometry, fine: Geometry, first: int = 0
) -> Iterator[Slab]:
    """Yield a coarse map on a finer lattice, interpolated linearly, as soon as can be.

    Parameters
    ----------
    slabs
        From plane `first_needed` on.
    coarse, fine
        The lattices.
    first
        Fine plane to begin with.
    """
    if coarse.stride == fine.stride:
        yield from slabs
        return
    z, y, x = (neighbours(coarse, fine, axis) for axis in range(3))
    held: Float16[np.ndarray, "o z y x"] | None = None
    top = first_needed(coarse, fine, first)
    for slab in slabs:
        held = slab.scores if held is None else np.concatenate([held, slab.scores], axis=1)
        ready = int(np.searchsorted(z.upper, top + held.shape[1]))
        for start in range(first, ready, _PLANES):
            part = Neighbours(*(values[start : min(start + _PLANES, ready)] for values in z))
            low, high = int(part.lower[0]) - top, int(part.upper[-1]) - top
            near = Neighbours(part.lower - low - top, part.upper - low - top, part.weight)
            planes = torch.from_numpy(held[:, low : high + 1]).float()
            for axis, beside in enumerate((near, y, x), 1):
                planes = _between(planes, axis, beside)
            yield Slab(start, planes.half().numpy())
        first = max(first, ready)
        below = int(z.lower[first]) - top if first < len(z.lower) else held.shape[1]
        held, top = held[:, below:], top + below


def in_step(streams: Sequence[Iterator[Slab]]) -> Iterator[list[Slab]]:
    """Yield what all streams have, in slabs of the same planes; each is asked only when empty."""
    waiting: list[Slab | None] = [None] * len(streams)
    while True:
        slabs = [slab or next(stream, None) for slab, stream in zip(waiting, streams, strict=True)]
        there = [slab for slab in slabs if slab is not None]
        if len(there) < len(streams):
            return
        depth = min(slab.scores.shape[1] for slab in there)
        yield [replace(slab, scores=slab.scores[:, :depth]) for slab in there]
        waiting = [
            Slab(slab.start + depth, slab.scores[:, depth:])
            if slab.scores.shape[1] > depth
            else None
            for slab in there
        ]


def _between(planes: Tensor, axis: int, beside: Neighbours) -> Tensor:
    """Interpolate along one axis."""
    lower, upper, weight = (torch.from_numpy(values) for values in beside)
    shape = [1] * planes.ndim
    shape[axis] = -1
    weight = weight.view(shape)
    # Not torch.lerp: how a fused sum is rounded depends on where in a loop a cell stands.
    below, above = planes.index_select(axis, lower), planes.index_select(axis, upper)
    return below * (1 - weight) + above * weight
