"""How much each of several score maps of the same tomograms should count, per object.

The maps are averaged cell by cell as they are read, so shares cost no memory and nothing is
predicted again. Equal shares are tried first, then all others in even steps; the picker stays what
it is and the thresholds are swept for each. Maps that are spread differently are better brought
onto one distribution first (``ranks``), which no share can do.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice
from tomoscout.tuning.candidates import Draw, Look, draw
from tomoscout.tuning.search import SearchPlan, score_of
from tomoscout.tuning.study import Progress, maximise

Shares = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class MixedArray:
    """Means of several maps by each object's shares, computed where they are read."""

    parts: tuple[Any, ...]
    shares: tuple[Shares, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """`(object, z, y, x)`."""
        return tuple(self.parts[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Half precision, as the maps."""
        return np.dtype(np.float16)

    def __getitem__(self, region: Any) -> Float[np.ndarray, "*region"]:
        channel, *rest = region if isinstance(region, tuple) else (region,)
        if isinstance(channel, slice):
            channels = range(len(self.shares))[channel]
            return np.stack([self[(one, *rest)] for one in channels])
        mean: Any = 0.0
        for part, share in zip(self.parts, self.shares[channel], strict=True):
            if share:
                mean = mean + np.float32(share) * np.asarray(part[(channel, *rest)], np.float32)
        return np.asarray(mean, np.float16)


@dataclass(frozen=True, eq=False)
class Blended:
    """A score map that is the mean of several, for looks of ``search``."""

    data: MixedArray
    objects: tuple[str, ...]
    geometry: Geometry

    @classmethod
    def equal(cls, parts: Sequence[Any]) -> Blended:
        """Blend maps alike.

        Raises
        ------
        UserError
            If the maps are of different objects or lattices.
        """
        first = parts[0]
        for other in parts[1:]:
            same = list(other.objects) == list(first.objects) and other.geometry == first.geometry
            if not same:
                raise UserError(
                    f"maps of {', '.join(first.objects)} on {first.geometry.cells} cells and of "
                    f"{', '.join(other.objects)} on {other.geometry.cells}: shares are searched "
                    "for models of the same objects, stride and voxel spacing"
                )
        shares = (tuple(1 / len(parts) for _ in parts),) * len(first.objects)
        data = MixedArray(tuple(part.data for part in parts), shares)
        return cls(data, tuple(first.objects), first.geometry)

    def with_shares(self, shares: Mapping[str, Shares]) -> Blended:
        """Return the same maps with other shares for some objects."""
        old = dict(zip(self.objects, self.data.shares, strict=True))
        new = tuple(shares.get(name, old[name]) for name in self.objects)
        return replace(self, data=replace(self.data, shares=new))


def search_shares(
    looks: Sequence[Look],
    *,
    objects: ObjectTable,
    choices: Mapping[str, Choice],
    plan: SearchPlan,
    draw: Draw = draw,
    progress: Progress | None = None,
) -> dict[str, Shares]:
    """Return the shares of the maps that score best, for each object or for all together.

    Parameters
    ----------
    looks
        Their scores are ``Blended`` maps, of the same number of parts each.
    objects
        Radii and weights.
    choices
        The picker of each object.
    plan
        Says whether objects share the shares, and where trials are kept; what it says of the method
        does not matter.
    draw, progress
        See ``search``.
    """
    count = len(looks[0].scores.data.parts)
    steps = {_written(shares): shares for shares in simplex(count)}
    entries = list(objects.each())
    groups = [entries] if plan.shared else [[entry] for entry in entries]
    found: dict[str, Shares] = {}
    for number, group in enumerate(groups):

        def evaluate(settings: dict[str, Any], group: list[Any] = group) -> float:
            shares = dict.fromkeys([entry.name for entry in group], steps[settings["shares"]])
            mixed = [
                Mixed(look.name, look.scores.with_shares(shares), look.truth) for look in looks
            ]
            return score_of(mixed, group, choices, plan, draw)

        def told(done: float, number: int = number) -> None:
            if progress is not None:
                progress((number + done) / len(groups))

        best = maximise(
            evaluate,
            {"shares": tuple(steps)},
            planned=[{"shares": text} for text in steps],
            trials=len(steps),
            progress=told,
        )
        found |= dict.fromkeys([entry.name for entry in group], steps[best.settings["shares"]])
    return found


@dataclass(frozen=True)
class Mixed:
    """A look with other shares."""

    name: str
    scores: Blended
    truth: Any


def simplex(count: int) -> list[Shares]:
    """Return shares of ``count`` maps that sum to one, equal ones first, then in even steps."""
    parts = {1: 1, 2: 10, 3: 6}.get(count, 4)
    every = [
        tuple(part / parts for part in split)
        for split in itertools.product(range(parts + 1), repeat=count)
        if sum(split) == parts
    ]
    equal = tuple(1 / count for _ in range(count))
    return [equal, *(shares for shares in every if not np.allclose(shares, equal))]


def _written(shares: Shares) -> str:
    """Write shares as a word, as studies keep them."""
    return ",".join(f"{share:.4f}" for share in shares)
