"""Filaments: subunits on a helix around a gently bent axis, actin-like or microtubule-like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial import cKDTree

from tomoscout.simulation.density import PROTEIN_DENSITY

_SIGMA = 13.0  # Å: a blob of 42 to 50 kDa as dense in its middle as solid protein

_FAR = 500.0  # Å: no molecule reaches as far, and telling how far exactly takes time


@dataclass(frozen=True)
class FibreKind:
    """How a fibre is built; lengths in ångström.

    Attributes
    ----------
    radius
        Outer radius.
    subunits
        Distance of the subunits' centres from the axis.
    rise
        Along the axis between rings of subunits.
    turn
        Between one ring and the next, in degrees.
    per_ring
        Subunits of a ring.
    mass
        Of a subunit, in kilodalton.
    persistence
        Length over which its direction is forgotten.
    """

    radius: float
    subunits: float
    rise: float
    turn: float
    per_ring: int
    mass: float
    persistence: float


# Dominguez & Holmes 2011, doi:10.1146/annurev-biophys-042910-155359: rise 27.5 Å, turn -166.7°.
# Persistence of both: Gittes et al. 1993, doi:10.1083/jcb.120.4.923.
ACTIN = FibreKind(42.0, 16.0, 27.5, -166.7, 1, 42.0, 1.77e5)
# Nogales et al. 1999, doi:10.1016/S0092-8674(00)80961-7: 13 protofilaments, 25 nm wide outside and
# 14 inside; the helix that shifts neighbouring protofilaments by 9 Å is below what is seen here.
MICROTUBULE = FibreKind(125.0, 102.0, 40.5, 0.0, 13, 50.0, 5.2e7)


@dataclass(frozen=True)
class Fibre:
    """A filament along nodes, one ring of subunits at each.

    Attributes
    ----------
    nodes
        Points of the axis, (z, y, x) in ångström, ``kind.rise`` apart.
    kind
        How it is built.
    """

    nodes: tuple[tuple[float, float, float], ...]
    kind: FibreKind

    @cached_property
    def _tree(self) -> cKDTree:
        """Tree over the nodes."""
        return cKDTree(np.array(self.nodes))

    def clearance(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Return how far points are from the fibre's surface, negative inside; inf when far."""
        # Between two nodes the axis is nearer than either of them, by less than this.
        sag = float(np.hypot(self.kind.radius, self.kind.rise / 2)) - self.kind.radius
        surface = self.kind.radius + sag
        return np.asarray(self._tree.query(zyx, distance_upper_bound=surface + _FAR)[0]) - surface

    def units(self) -> Float[np.ndarray, "n 3"]:
        """Return the centres of all subunits, (z, y, x) in ångström."""
        axis = np.array(self.nodes)
        along = np.gradient(axis, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        aside = np.cross(along, _least_parallel(along[0]))
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        third = np.cross(along, aside)
        ring = 2 * np.pi * np.arange(self.kind.per_ring) / self.kind.per_ring
        angles = np.deg2rad(self.kind.turn) * np.arange(len(axis))[:, None] + ring
        out = (
            np.cos(angles)[..., None] * aside[:, None] + np.sin(angles)[..., None] * third[:, None]
        )
        return (axis[:, None] + self.kind.subunits * out).reshape(-1, 3)

    def paint(self, volume: Float32[np.ndarray, "z y x"], *, voxel_spacing: float) -> None:
        """Add a blob for each subunit to a volume."""
        sigma = float(np.hypot(_SIGMA, 0.3 * voxel_spacing)) / voxel_spacing
        reach = int(np.ceil(3 * sigma))
        at = self.units() / voxel_spacing
        shape = np.array(volume.shape)
        at = at[np.all((at > -reach) & (at < shape + reach - 1), axis=1)]
        window = np.arange(-reach, reach + 1)
        nearest = np.rint(at).astype(np.int64)
        index = nearest[:, :, None] + window
        gauss = np.exp(-0.5 * ((index - at[:, :, None]) / sigma) ** 2)
        gauss /= gauss.sum(axis=2, keepdims=True)
        gauss *= (index >= 0) & (index < shape[:, None])
        index = np.clip(index, 0, shape[:, None] - 1)
        amount = self.kind.mass / (PROTEIN_DENSITY * voxel_spacing**3)
        for (i, j, k), (a, b, c) in zip(index, gauss, strict=True):
            volume[np.ix_(i, j, k)] += (amount * a)[:, None, None] * b[:, None] * c


def draw_axis(
    start: Float[np.ndarray, " 3"],
    *,
    kind: FibreKind,
    length: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "n 3"]:
    """Draw the nodes of a fibre that runs mostly in the plane of the grid.

    Parameters
    ----------
    start
        Its first node, (z, y, x) in ångström.
    kind
        Sets the distance of the nodes and the stiffness.
    length
        In ångström.
    rng
        Draws the direction and the bends.
    """
    count = max(int(length / kind.rise), 2)
    way = rng.normal(size=3) * (0.25, 1.0, 1.0)
    way /= np.linalg.norm(way)
    # The worm-like chain: directions walk at random, in steps small enough to be added.
    jitter = rng.normal(size=(count, 3)) * np.sqrt(kind.rise / kind.persistence)
    ways = way + np.cumsum(jitter, axis=0)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return start + np.cumsum(ways, axis=0) * kind.rise


def _least_parallel(way: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    """Return the unit vector along the axis that a direction has least of."""
    return np.eye(3)[int(np.argmin(np.abs(way)))]
