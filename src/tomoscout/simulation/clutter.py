"""What stands in a tomogram and is no particle: vesicles, gold, a carbon edge.

Each is a small record of where it is and how it looks; ``paint`` adds it to a volume and
``clearance`` tells how near others may come. Values are in units of solid protein, lengths in
ångström, positions (z, y, x). Fibres and crystals of ice keep the same promise in files of their
own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from tomoscout.simulation.region import around

# Carbon stands out from ice twice as much as protein (9.1 V: Wanner et al. 2006; ice 4.7 V), but a
# film fills a fraction of the slab that we draw.
_FILM = np.float32(0.4)
LEAFLETS = 40.0  # Å between the headgroup layers: Nagle & Tristram-Nagle 2000


@runtime_checkable
class Clutter(Protocol):
    """What a thing must offer to stand in a scene."""

    def clearance(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Return how far points, in ångström, are from the thing; negative inside it."""
        ...

    def paint(self, volume: Float32[np.ndarray, "z y x"], *, voxel_spacing: float) -> None:
        """Add the thing to a volume of that voxel spacing in ångström, in place."""
        ...


@dataclass(frozen=True)
class Vesicle:
    """A closed membrane: two leaflets around an ellipsoid, gently dented.

    Attributes
    ----------
    zyx
        Centre.
    semi_axes
        Of the middle of the membrane.
    turn
        Rotation in the plane of the grid, in radians.
    dents
        Amplitudes of the outline's second to fourth harmonic, as fractions of the radius.
    """

    zyx: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    turn: float
    dents: tuple[float, float, float]

    @property
    def reach(self) -> float:
        """Radius of a sphere that holds all of it."""
        return max(self.semi_axes) * (1 + sum(np.abs(self.dents))) + LEAFLETS

    def distance(self, zyx: Float[np.ndarray, "3 ..."]) -> Float[np.ndarray, "*points"]:
        """Return how far points are from the middle of the membrane, negative inside."""
        dtype = zyx.dtype.type
        z, y, x = (zyx[i] - dtype(self.zyx[i]) for i in range(3))
        cos, sin = dtype(np.cos(self.turn)), dtype(np.sin(self.turn))
        y, x = cos * y - sin * x, sin * y + cos * x
        a, b, c = (dtype(axis) for axis in self.semi_axes)
        size = np.sqrt((z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2)
        around = np.arctan2(y / b, x / c)
        wave = sum(dtype(d) * np.cos((k + 2) * around) for k, d in enumerate(self.dents))
        floor = np.maximum(size, dtype(1e-3))
        across = np.sqrt((y / b) ** 2 + (x / c) ** 2) / floor
        # Distance from the centre to the membrane this way; at the centre itself, any way.
        length = np.maximum(np.sqrt(z**2 + y**2 + x**2) / floor, dtype(min(self.semi_axes)))
        return np.asarray((size - 1 - wave * across) * length)

    def clearance(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Return how far points are from the membrane, inside the vesicle or outside."""
        return np.abs(self.distance(zyx.T)) - LEAFLETS / 2

    def surface(
        self, ways: Float[np.ndarray, "n 3"]
    ) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
        """Return where rays from the centre meet the middle of the membrane, and its normals."""
        ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
        centre = np.array(self.zyx)
        # Along a ray the distance grows linearly from the membrane's own value on.
        far, farther = (self.distance((centre + r * ways).T) for r in (1e4, 2e4))
        reach = 1e4 - far * 1e4 / (farther - far)
        points = centre + reach[:, None] * ways
        steps = np.eye(3)
        slope = np.stack(
            [self.distance((points + s).T) - self.distance((points - s).T) for s in steps], axis=1
        )
        return points, slope / np.linalg.norm(slope, axis=1, keepdims=True)

    def paint(self, volume: Float32[np.ndarray, "z y x"], *, voxel_spacing: float) -> None:
        """Add the two leaflets to a volume."""
        z, y, x = (int(n) for n in volume.shape)
        region, points = around(self.zyx, self.reach, (z, y, x), voxel_spacing)
        if volume[region].size == 0:
            return
        off = np.abs(self.distance(points)) - np.float32(LEAFLETS / 2)
        width = np.float32(np.hypot(8.0, 0.3 * voxel_spacing))
        strength = np.float32(0.7 * 8.0) / width  # a wider voxel dilutes the leaflet
        near = np.abs(off) < 3 * width
        volume[region][near] += strength * np.exp(-0.5 * (off[near] / width) ** 2)


@dataclass(frozen=True)
class Bead:
    """A gold fiducial: small, and by far the densest thing around."""

    zyx: tuple[float, float, float]
    radius: float
    density: float

    def clearance(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Return how far points are from the bead's surface, negative inside."""
        return np.asarray(np.linalg.norm(zyx - np.array(self.zyx), axis=1) - self.radius)

    def paint(self, volume: Float32[np.ndarray, "z y x"], *, voxel_spacing: float) -> None:
        """Add the bead to a volume."""
        reach = self.radius + 2 * voxel_spacing
        z, y, x = (int(n) for n in volume.shape)
        region, points = around(self.zyx, reach, (z, y, x), voxel_spacing)
        if volume[region].size == 0:
            return
        offset = points - np.array(self.zyx, np.float32)[:, None, None, None]
        inside = (self.radius - np.sqrt((offset**2).sum(axis=0))) / voxel_spacing + 0.5
        volume[region] += np.float32(self.density) * np.clip(inside, 0, 1)


@dataclass(frozen=True)
class CarbonEdge:
    """The rim of a hole in the carbon film: grainy beyond a circle, dark along it.

    Attributes
    ----------
    yx
        Centre of the hole.
    hole
        Its radius.
    z
        Lowest and highest z of the film.
    grain
        Strength of the film's texture.
    seed
        Draws the texture.
    """

    yx: tuple[float, float]
    hole: float
    z: tuple[float, float]
    grain: float
    seed: int

    def beyond(self, y: Any, x: Any) -> Any:
        """Return how far points (numbers, or arrays that broadcast) lie in the film.

        Negative in the hole.
        """
        return np.hypot(y - self.yx[0], x - self.yx[1]) - self.hole

    def clearance(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Return how far points are from the rim, at any height; negative beyond it."""
        return np.asarray(-self.beyond(zyx[:, 1], zyx[:, 2]))

    def paint(self, volume: Float32[np.ndarray, "z y x"], *, voxel_spacing: float) -> None:
        """Add the film to a volume."""
        first, last = (int(np.clip(np.rint(z / voxel_spacing), 0, volume.shape[0])) for z in self.z)
        if last <= first:
            return
        y, x = (np.arange(n, dtype=np.float32) * voxel_spacing for n in volume.shape[1:])
        depth = self.beyond(y[:, None], x[None, :]).astype(np.float32)
        film = depth > 0
        if not film.any():
            return
        rim = 1.3 * np.exp(-0.5 * ((depth - 15) / 14) ** 2)
        slab = volume[first:last]
        rows = slice(*_span(np.any(film, axis=1)))
        columns = slice(*_span(np.any(film, axis=0)))
        rng = np.random.default_rng(self.seed)
        texture = rng.standard_normal(slab[:, rows, columns].shape, np.float32)
        texture = ndimage.gaussian_filter(texture, 12.0 / voxel_spacing)
        texture *= self.grain / max(float(texture.std()), 1e-6)
        texture += _FILM
        slab[:, rows, columns] += texture * film[rows, columns]
        slab += rim.astype(np.float32)


def _span(mask: Any) -> tuple[int, int]:
    """First and last-plus-one index where a mask is true."""
    where = np.flatnonzero(mask)
    return int(where[0]), int(where[-1]) + 1
