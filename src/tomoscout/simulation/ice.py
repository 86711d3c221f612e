"""The ice: a slab of varying thickness in which everything stands, more densely here than there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_FLOOR = 0.02  # of z: the challenge's lowest pick lies at 39 Å of 1842


@dataclass(frozen=True)
class Ice:
    """A slab between two curved surfaces; lengths in ångström, pairs are (y, x).

    Attributes
    ----------
    extent
        Edges (z, y, x) of the volume.
    middle
        Height z of the slab's middle at the volume's centre.
    thickness
        Of the slab, before wedge and lens.
    slope
        How far the slab's middle rises across the volume.
    wedge
        By which fraction the thickness grows across the volume.
    lens
        Fraction by which the ice is thinner at the middle of the hole in the film.
    hole
        Middle of that hole.
    limits
        Lowest and highest z that anything may have.
    """

    extent: tuple[float, float, float]
    middle: float
    thickness: float
    slope: tuple[float, float]
    wedge: tuple[float, float]
    lens: float
    hole: tuple[float, float]
    limits: tuple[float, float]

    def surfaces(
        self, y: Float[np.ndarray, "*at"], x: Float[np.ndarray, "*at"]
    ) -> tuple[Float[np.ndarray, "*at"], Float[np.ndarray, "*at"]]:
        """Return the heights z of the lower and the upper surface at positions (y, x)."""
        dy, dx = y / self.extent[1] - 0.5, x / self.extent[2] - 0.5
        rim = 0.7 * min(self.extent[1:])  # where the ice has its full thickness again
        off = np.hypot(y - self.hole[0], x - self.hole[1]) / rim
        thick = 1 + self.wedge[0] * dy + self.wedge[1] * dx
        thick = (
            self.thickness * np.maximum(thick, 0.2) * (1 - self.lens * np.maximum(1 - off**2, 0))
        )
        low, high = self.limits
        middle = self.middle + self.slope[0] * dy + self.slope[1] * dx
        middle = np.clip(middle, low + 0.1 * (high - low), high - 0.1 * (high - low))
        return np.clip(middle - thick / 2, low, high), np.clip(middle + thick / 2, low, high)

    @property
    def mean_thickness(self) -> float:
        """Mean distance of the surfaces over the volume, in ångström."""
        y, x = np.meshgrid(*((np.arange(32) + 0.5) / 32 * n for n in self.extent[1:]))
        low, high = self.surfaces(y, x)
        return float((high - low).mean())

    @property
    def volume(self) -> float:
        """Volume of the ice inside the tomogram, in Å^3."""
        return self.mean_thickness * self.extent[1] * self.extent[2]


@dataclass(frozen=True)
class Patches:
    """Where the plane of the grid is more and where less populated: a few long waves.

    Attributes
    ----------
    waves
        `(n, 3)`: wave vector along y and x, in radian per ångström, and phase.
    strength
        Scatter of the population between places, as a fraction.
    """

    waves: Float[np.ndarray, "n 3"]
    strength: float

    def weight(
        self, y: Float[np.ndarray, " m"], x: Float[np.ndarray, " m"]
    ) -> Float[np.ndarray, " m"]:
        """Return how likely a place is taken, from 0 to 1."""
        if self.strength == 0:
            return np.ones(len(y))
        ky, kx, phase = self.waves.T
        waves = np.cos(np.outer(y, ky) + np.outer(x, kx) + phase)
        field = waves.sum(axis=1) * np.sqrt(2 / len(phase))
        return np.minimum(np.exp(self.strength * (field - 2)), 1.0)


def draw_ice(
    extent: tuple[float, float, float],
    *,
    thickness: tuple[float, float],
    slope: float,
    wedge: tuple[float, float],
    lens: tuple[float, float],
    ceiling: float,
    rng: np.random.Generator,
) -> Ice:
    """Draw a slab somewhat below the middle of the volume, as in the challenge.

    Parameters
    ----------
    extent
        Edges (z, y, x) of the volume, in ångström.
    thickness
        Lowest and highest, as a fraction of the volume's z.
    slope
        Largest rise across the volume, as a fraction of its z.
    wedge, lens
        Lowest and highest change of thickness across the volume and towards the hole's middle.
    ceiling
        Highest z of anything, as a fraction of the volume's z.
    rng
        Draws the rest.
    """
    depth = extent[0]
    thick = rng.uniform(*thickness) * depth
    # The slab's middle in the challenge: 0.36 to 0.47 of z; a thick slab is centred.
    low, high = _FLOOR * depth, ceiling * depth
    room = max(high - low - thick, 0.0) / 2
    middle = np.clip(rng.uniform(0.36, 0.48) * depth, low + thick / 2, low + thick / 2 + 2 * room)
    tilt = rng.uniform(-slope, slope, 2) * depth
    grows, way = rng.uniform(*wedge), rng.uniform(0, 2 * np.pi)
    hole = (0.5 + rng.uniform(-0.25, 0.25, 2)) * extent[1:]
    return Ice(
        extent,
        float(middle),
        float(thick),
        (float(tilt[0]), float(tilt[1])),
        (float(grows * np.sin(way)), float(grows * np.cos(way))),
        float(rng.uniform(*lens)),
        (float(hole[0]), float(hole[1])),
        (low, high),
    )


def ice_around(zyx: Float[np.ndarray, "n 3"], *, ice: Ice) -> Ice:
    """Return a slab that holds given particles: theirs is the plane, theirs the thickness.

    Parameters
    ----------
    zyx
        Particle centres, in ångström; fewer than 8 of them change nothing.
    ice
        Slab to take the rest from.
    """
    if len(zyx) < 8:
        return ice
    across = zyx[:, 1:] / np.array(ice.extent[1:]) - 0.5
    design = np.column_stack([across, np.ones(len(zyx))])
    # A slab cannot rise by more than its own limits, whatever a few picks in a corner say.
    steepest = ice.limits[1] - ice.limits[0]
    fit = np.clip(np.linalg.lstsq(design, zyx[:, 0], rcond=None)[0], -steepest, steepest)
    low, high = np.percentile(zyx[:, 0] - design @ fit, [1, 99])
    return Ice(
        ice.extent,
        float(fit[2] + (low + high) / 2),
        float(max(high - low, 200.0)),
        (float(fit[0]), float(fit[1])),
        (0.0, 0.0),
        0.0,
        ice.hole,
        (0.0, max(ice.limits[1], float(zyx[:, 0].max()))),
    )


def draw_patches(
    extent: tuple[float, float, float], *, strength: float, rng: np.random.Generator
) -> Patches:
    """Draw patches a third of the volume to twice the volume long."""
    length = rng.uniform(0.35, 2.0, 10) * min(extent[1:])
    way = rng.uniform(0, 2 * np.pi, 10)
    k = 2 * np.pi / length
    waves = np.column_stack([k * np.sin(way), k * np.cos(way), rng.uniform(0, 2 * np.pi, 10)])
    return Patches(waves, strength)
