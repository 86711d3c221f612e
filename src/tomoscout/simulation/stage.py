"""The stage of a scene: ice of some thickness that fills up with things that may not touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tomoscout.simulation.clutter import Clutter
from tomoscout.simulation.ice import Ice, Patches
from tomoscout.simulation.placement import Crowd

_MOST = 50_000  # positions tried at once: keeps the scratch arrays in tens of MB
_PATIENCE = 400  # tried in vain before a crowd counts as full


@dataclass(frozen=True)
class Stage:
    """The volume while it fills up.

    Attributes
    ----------
    extent
        Edges (z, y, x) of the volume, in ångström.
    ice
        Where things stand.
    patches
        How densely, over the plane.
    crowd
        Spheres placed so far.
    clutter
        Vesicles, beads, carbon and the like, that nothing may touch.
    rng
        Draws everything.
    """

    extent: Float[np.ndarray, " 3"]
    ice: Ice
    patches: Patches
    crowd: Crowd
    clutter: list[Clutter]
    rng: np.random.Generator

    def spots(
        self, count: int, *, margin: float = 0.0, level: tuple[float, float] = (1.0, 1.0)
    ) -> Float[np.ndarray, "n 3"]:
        """Draw positions in the ice, whether they are free or not.

        Parameters
        ----------
        count
            How many.
        margin
            How far beyond the sides they may lie, in ångström.
        level
            Exponents of the beta distribution of their height between the ice's surfaces.
        """
        found: list[Float[np.ndarray, "m 2"]] = []
        while (left := count - sum(map(len, found))) > 0:
            yx = self.rng.uniform(-margin, self.extent[1:] + margin, (4 * left, 2))
            taken = self.rng.random(4 * left) < self.patches.weight(yx[:, 0], yx[:, 1])
            found.append(yx[taken][:left])
        y, x = np.concatenate([np.zeros((0, 2)), *found]).T
        low, high = self.ice.surfaces(y, x)
        return np.column_stack([low + (high - low) * self.rng.beta(*level, count), y, x])

    def admits(
        self, zyx: Float[np.ndarray, "n 3"], radii: Float[np.ndarray, " n"]
    ) -> Bool[np.ndarray, " n"]:
        """Tell which spheres lie in the volume, or reach in, and touch no clutter."""
        slack = 0.8 * radii[:, None]
        inside = np.all((zyx >= -slack) & (zyx <= self.extent + slack), axis=1)
        inside &= zyx[:, 0] <= self.ice.limits[1]
        for thing in self.clutter:
            left = np.flatnonzero(inside)
            inside[left] = thing.clearance(zyx[left]) > radii[left]
        return inside

    def settle(
        self,
        zyx: Float[np.ndarray, "n 3"],
        radii: Float[np.ndarray, " n"],
        *,
        limit: int | None = None,
    ) -> Bool[np.ndarray, " n"]:
        """Place spheres one after the other where they are admitted and fit; tell which were.

        Parameters
        ----------
        zyx
            Centres, in ångström.
        radii
            Radii, in ångström.
        limit
            How many to place at most.
        """
        admitted = np.flatnonzero(self.admits(zyx, radii))
        taken = np.zeros(len(zyx), bool)
        taken[admitted] = self.crowd.add_many(zyx[admitted], radii[admitted], limit=limit)
        return taken

    def fill(
        self,
        count: int,
        radius: float,
        draw: Callable[[int], Float[np.ndarray, "n 3"]],
        *,
        patience: int = _PATIENCE,
    ) -> Float[np.ndarray, "m 3"]:
        """Place equal spheres where ``draw`` says; fewer than asked where they do not fit.

        Parameters
        ----------
        count
            How many to place.
        radius
            Of each, in ångström.
        draw
            Returns that many positions to try.
        patience
            How many positions are tried for each sphere before giving up.
        """
        placed: list[Float[np.ndarray, "k 3"]] = []
        left, vain = count, 0
        # Several times as many as the volume could hold only stand in each other's way.
        most = min(_MOST, int(np.prod(self.extent + 2 * radius) / radius**3))
        while left > 0 and vain < patience:
            tries = max(min(2 * left, most), 40)
            zyx = draw(tries)
            taken = self.settle(zyx, np.full(tries, radius), limit=left)
            found = int(taken.sum())
            placed.append(zyx[taken])
            left -= found
            # An overfull scene ends here, not after a night: one place in so many tries is none.
            vain = vain + tries if found * patience <= tries else 0
        return np.concatenate([np.zeros((0, 3)), *placed])

    def put(self, thing: Clutter) -> bool:
        """Add a thing to the clutter unless it touches someone, and tell whether it did."""
        clear = len(self.crowd) == 0 or bool(
            np.all(thing.clearance(self.crowd.zyx) > self.crowd.radii)
        )
        if clear:
            self.clutter.append(thing)
        return clear
