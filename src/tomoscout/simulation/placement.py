"""Who fits where: spheres that may not overlap, tested in batches through k-d trees.

Newcomers come in batches. A batch is settled as if its spheres had come one by one: each is kept
when it touches nobody kept before it. Neighbours are found by trees, one per layer of spheres;
layers of like size are merged, so there are few of them and each sphere is filed only a few times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class _Layer:
    """Spheres that share a tree."""

    zyx: Float[np.ndarray, "n 3"]
    radii: Float[np.ndarray, " n"]

    @cached_property
    def tree(self) -> cKDTree:
        """Tree over the centres."""
        return cKDTree(self.zyx)

    def touches(self, others: _Layer) -> Bool[np.ndarray, " m"]:
        """Tell which of the other spheres touch one of these."""
        reach = float(self.radii.max() + others.radii.max())
        near = others.tree.sparse_distance_matrix(self.tree, reach, output_type="ndarray")
        close = near["v"] < others.radii[near["i"]] + self.radii[near["j"]]
        touched = np.zeros(len(others.zyx), bool)
        touched[near["i"][close]] = True
        return touched


class Crowd:
    """Spheres placed so far."""

    def __init__(self) -> None:
        self._layers: list[_Layer] = []

    def __len__(self) -> int:
        return sum(len(layer.zyx) for layer in self._layers)

    @property
    def zyx(self) -> Float[np.ndarray, "n 3"]:
        """Centres, in ångström."""
        return np.concatenate([np.zeros((0, 3)), *(layer.zyx for layer in self._layers)])

    @property
    def radii(self) -> Float[np.ndarray, " n"]:
        """Radii, in ångström, in the order of the centres."""
        return np.concatenate([np.zeros(0), *(layer.radii for layer in self._layers)])

    def add(self, zyx: Float[np.ndarray, " 3"], radius: float) -> bool:
        """Place a sphere if it touches nobody, and tell whether it did."""
        return bool(self.add_many(zyx[None], np.array([float(radius)]))[0])

    def add_many(
        self,
        zyx: Float[np.ndarray, "n 3"],
        radii: Float[np.ndarray, " n"],
        *,
        limit: int | None = None,
    ) -> Bool[np.ndarray, " n"]:
        """Place spheres one after the other where they fit, and tell which were placed.

        Parameters
        ----------
        zyx
            Centres, in ångström.
        radii
            Radii, in ångström.
        limit
            How many to place at most; the first that fit.
        """
        taken = np.zeros(len(zyx), bool)
        free = np.arange(len(zyx))
        for layer in self._layers:
            if len(free):
                free = free[~layer.touches(_Layer(zyx[free], radii[free]))]
        if len(free):
            taken[free[_first_come(_Layer(zyx[free], radii[free]))][:limit]] = True
            self.put(zyx[taken], radii[taken])
        return taken

    def put(self, zyx: Float[np.ndarray, "n 3"], radii: Float[np.ndarray, " n"]) -> None:
        """Place spheres whether they fit or not."""
        if len(zyx) == 0:
            return
        # Merging layers of like size leaves a handful of them, whatever the batches.
        while self._layers and len(self._layers[-1].zyx) <= 2 * len(zyx):
            last = self._layers.pop()
            zyx, radii = np.concatenate([last.zyx, zyx]), np.concatenate([last.radii, radii])
        self._layers.append(_Layer(zyx, radii))


def _first_come(batch: _Layer) -> Bool[np.ndarray, " n"]:
    """Tell which spheres touch no kept sphere of a lower index."""
    pairs = _touching(batch)
    kept = np.ones(len(batch.zyx), bool)
    while len(pairs):
        # A sphere without an open quarrel with a lower index is settled: its neighbours go, and
        # with them their quarrels. Each round settles at least the lowest index.
        waits = np.zeros(len(kept), bool)
        waits[pairs[:, 1]] = True
        kept[pairs[~waits[pairs[:, 0]], 1]] = False
        pairs = pairs[kept[pairs[:, 0]] & kept[pairs[:, 1]]]
    return kept


def _touching(batch: _Layer) -> Int[np.ndarray, "m 2"]:
    """Return pairs of spheres that touch, the lower index first."""
    pairs = batch.tree.query_pairs(2 * float(batch.radii.max()), output_type="ndarray")
    apart = np.linalg.norm(batch.zyx[pairs[:, 0]] - batch.zyx[pairs[:, 1]], axis=1)
    return pairs[apart < batch.radii[pairs].sum(axis=1)]
