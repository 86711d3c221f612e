"""Score maps of unlike networks blended by rank, as the CZII challenge's first place did.

What one network calls 0.2 another calls 0.6, and the mean of both listens to the louder one. Here
each member's scores are first replaced by the first member's of the same rank, object by object:
its highest by the highest, its median by the median. Then they are averaged. Scores are float16,
so that a histogram over all bit patterns is exact, and no map need be sorted or fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, Int64

from tomoscout.core.geometry import Shape
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.scratch import scratch
from tomoscout.inference.sliding_window import Slab

PATTERNS = 0x3C01
"""Bit patterns of float16 numbers from 0 to 1; their order is that of the numbers."""

_VALUES = np.arange(PATTERNS, dtype=np.uint16).view(np.float16).astype(np.float64)
_PLANES = 32  # blended at once


def stream_ranks(
    streams: Sequence[Iterator[Slab]], model: Ensemble, *, cells: Shape, first: int = 0
) -> Iterator[Slab]:
    """Yield the blend of the members' whole maps.

    Parameters
    ----------
    streams
        The members' maps, on one lattice, whole.
    model
        Says the members' shares.
    cells
        Of the lattice.
    first
        Plane to begin with.
    """
    maps = []
    for stream, member in zip(streams, model.members, strict=True):
        kept = scratch((len(member.card.objects), *cells), share=len(streams))
        maps.append((kept, _keep(stream, kept)))
    tables = [_Table(maps, model, name) for name in model.objects.names]
    for start in range(first, cells[0], _PLANES):
        part = slice(start, min(start + _PLANES, cells[0]))
        yield Slab(start, np.stack([table.blend(part) for table in tables]))


def count(scores: Float16[np.ndarray, "*cells"]) -> Int64[np.ndarray, " p"]:
    """Return how many of the scores have each bit pattern."""
    bits = np.ascontiguousarray(scores).view(np.uint16).reshape(-1)
    return np.bincount(bits, minlength=PATTERNS)


def match(
    counts: Int64[np.ndarray, " p"], to: Int64[np.ndarray, " p"]
) -> Float32[np.ndarray, " p"]:
    """Return, for each bit pattern, the other map's score of the same rank.

    Scores that tie share the mean over their ranks.

    Parameters
    ----------
    counts
        Of the map whose scores are replaced.
    to
        Of the map that gives them; as many cells.
    """
    ends, other = (np.concatenate([[0], np.cumsum(c)]) for c in (counts, to))
    # The sum of the other map's lowest k scores, which is linear in k between its distinct scores.
    sums = np.interp(ends, other, np.concatenate([[0.0], np.cumsum(to * _VALUES)]))
    table = np.zeros(PATTERNS)
    np.divide(np.diff(sums), counts, out=table, where=counts > 0)
    return table.astype(np.float32)


class _Table:
    """What the members' scores of one object become."""

    def __init__(
        self, maps: Sequence[tuple[Any, Int64[np.ndarray, "o p"]]], model: Ensemble, name: str
    ) -> None:
        self.parts = []
        reference: Int64[np.ndarray, " p"] | None = None
        for (kept, counts), member, share in zip(
            maps, model.members, model.shares[name], strict=True
        ):
            if not share:
                continue
            channel = member.objects.names.index(name)
            if reference is None:
                reference, table = counts[channel], _VALUES.astype(np.float32)
            else:
                table = match(counts[channel], to=reference)
            self.parts.append((kept, channel, np.float32(share) * table))

    def blend(self, planes: slice) -> Float16[np.ndarray, "z y x"]:
        """Return the mean of the members' scores after matching."""
        total: Any = 0
        for kept, channel, table in self.parts:
            total = total + table[np.ascontiguousarray(kept[channel, planes]).view(np.uint16)]
        return np.asarray(total, np.float16)


def _keep(stream: Iterator[Slab], kept: Any) -> Int64[np.ndarray, "o p"]:
    """Write a map down, and count its scores."""
    counts = np.zeros((len(kept), PATTERNS), np.int64)
    for slab in stream:
        kept[:, slab.start : slab.start + slab.scores.shape[1]] = slab.scores
        counts += np.stack([count(scores) for scores in slab.scores])
    return counts
