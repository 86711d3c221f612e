"""The stage of a scene: ice of some thickness that fills up with things that may not touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tomoscout.core.geometry import Geometry
from tomoscout.simulation.clutter import LEAFLETS, Bead, Clutter, Vesicle
from tomoscout.simulation.placement import Crowd

TOP = 0.85  # of z: above it the challenge's tomograms hold nothing


@dataclass(frozen=True)
class Stage:
    """The volume while it fills up.

    Attributes
    ----------
    extent
        Edges (z, y, x) of the volume, in ångström.
    ice
        Lowest and highest z of the ice at the volume's middle, in ångström.
    slope
        How far the ice rises across the volume along y and along x, in ångström.
    crowd
        Spheres placed so far.
    clutter
        Vesicles, beads and carbon that nothing may touch.
    rng
        Draws everything.
    """

    extent: Float[np.ndarray, " 3"]
    ice: tuple[float, float]
    slope: Float[np.ndarray, " 2"]
    crowd: Crowd
    clutter: list[Clutter]
    rng: np.random.Generator

    def spot(self, margin: float) -> Float[np.ndarray, " 3"]:
        """Draw a position in the ice, up to ``margin`` beyond the sides."""
        y, x = self.rng.uniform(-margin, self.extent[1:] + margin)
        tilt = self.slope @ (np.array([y, x]) / self.extent[1:] - 0.5)
        z = self.rng.uniform(*self.ice) + tilt
        return np.array([np.clip(z, 0.0, TOP * self.extent[0]), y, x])

    def accepts(self, zyx: Float[np.ndarray, " 3"], radius: float) -> bool:
        """Place a sphere unless it touches another, a membrane, a bead or the carbon."""
        for thing in self.clutter:
            if isinstance(thing, Vesicle):
                clear = abs(float(thing.distance(zyx))) > radius + LEAFLETS / 2
            elif isinstance(thing, Bead):
                clear = float(np.linalg.norm(zyx - thing.zyx)) > radius + thing.radius
            else:
                clear = float(thing.beyond(zyx[1], zyx[2])) < -radius
            if not clear:
                return False
        return self.crowd.add(zyx, radius)

    def attempt(
        self, draw: Callable[[], Float[np.ndarray, " 3"]], radius: float, *, attempts: int = 200
    ) -> Float[np.ndarray, " 3"] | None:
        """Place a sphere at the first drawn position that is accepted; None after all fail."""
        for _ in range(attempts):
            zyx = draw()
            outside = np.any(zyx < -0.8 * radius) or np.any(zyx > self.extent + 0.8 * radius)
            outside = outside or zyx[0] > TOP * self.extent[0]
            if not outside and self.accepts(zyx, radius):
                return zyx
        return None


def pour(
    geometry: Geometry,
    *,
    thickness: tuple[float, float],
    largest_radius: float,
    rng: np.random.Generator,
) -> Stage:
    """Return an empty stage with ice somewhat below the middle of the volume.

    In the challenge's tomograms the median of z lies at 0.3 to 0.5 of the volume.

    Parameters
    ----------
    geometry
        Of the volume.
    thickness
        Of the ice, lowest and highest, as a fraction of the volume's z.
    largest_radius
        Of any sphere that will be placed, in ångström.
    rng
        Draws thickness, height and slope, and everything placed later.
    """
    extent = np.array(geometry.extent)
    thick = rng.uniform(*thickness) * extent[0]
    top = TOP * extent[0]
    middle = np.clip(rng.uniform(0.38, 0.5) * extent[0], thick / 2, max(top - thick / 2, thick / 2))
    ice = (float(middle - thick / 2), float(middle + thick / 2))
    slope = rng.uniform(-0.08, 0.08, 2) * extent[0]
    return Stage(extent, ice, slope, Crowd(largest_radius), [], rng)
