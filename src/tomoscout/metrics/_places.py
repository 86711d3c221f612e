"""Where points lie in their tomogram, and how many of those in each part of it are wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

DEPTHS = tuple(i / 10 for i in range(11))
"""Edges of the bins of depth, as a share of the tomogram's."""

BORDERS = (0.0, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 800.0, np.inf)
"""Edges of the bins of distance from the border, in ångström; finer where windows end."""

Extent = tuple[float, float, float]
"""Edges (z, y, x) of a tomogram in ångström."""


@dataclass(frozen=True, eq=False)
class Shares:
    """How many there are in each bin, and how many of these are wrong.

    Attributes
    ----------
    edges
        `(b + 1,)` edges of the bins; the last bin holds all that lies beyond.
    total, wrong
        `(b,)` counts.
    """

    edges: tuple[float, ...]
    total: Int[np.ndarray, " b"]
    wrong: Int[np.ndarray, " b"]

    def facts(self) -> dict[str, Any]:
        """Return plain lists; an open end is None."""
        edges = [edge if np.isfinite(edge) else None for edge in self.edges]
        return {"edges": edges, "total": self.total.tolist(), "wrong": self.wrong.tolist()}


@dataclass(frozen=True, eq=False)
class Places:
    """Where particles, or picks, are, and which of them are missed, or false.

    Attributes
    ----------
    depth
        `(n,)` z as a share of the tomogram's depth, 0 to 1.
    border
        `(n,)` distance from the nearest face, in ångström; 0 outside.
    is_wrong
        `(n,)` whether it is missed, or false.
    """

    depth: Float[np.ndarray, " n"]
    border: Float[np.ndarray, " n"]
    is_wrong: Bool[np.ndarray, " n"]

    @classmethod
    def of(
        cls, zyx: Float[np.ndarray, "n 3"], wrong: Bool[np.ndarray, " n"], size: Extent
    ) -> Places:
        """Place points, (z, y, x) in ångström, in a tomogram of a size."""
        nearest = np.minimum(zyx, np.array(size) - zyx).min(axis=1, initial=np.inf)
        return cls(np.clip(zyx[:, 0] / size[0], 0, 1), np.clip(nearest, 0, None), wrong)

    @classmethod
    def join(cls, parts: Iterable[Places]) -> Places:
        """Put the places of many tomograms together."""
        every = [cls(np.zeros(0), np.zeros(0), np.zeros(0, bool)), *parts]
        return cls(
            np.concatenate([part.depth for part in every]),
            np.concatenate([part.border for part in every]),
            np.concatenate([part.is_wrong for part in every]),
        )

    def __getitem__(self, chosen: Bool[np.ndarray, " n"]) -> Places:
        """Return those of a mask."""
        return Places(self.depth[chosen], self.border[chosen], self.is_wrong[chosen])

    def by_depth(self) -> Shares:
        """Count by depth."""
        return _count(self.depth, self.is_wrong, DEPTHS)

    def by_border(self) -> Shares:
        """Count by distance from the border."""
        return _count(self.border, self.is_wrong, BORDERS)


def _count(
    values: Float[np.ndarray, " n"], wrong: Bool[np.ndarray, " n"], edges: tuple[float, ...]
) -> Shares:
    """Count what lies in each bin; the upper edge of the last one belongs to it."""
    n = len(edges) - 1
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, n - 1)
    return Shares(edges, np.bincount(place, minlength=n), np.bincount(place[wrong], minlength=n))
