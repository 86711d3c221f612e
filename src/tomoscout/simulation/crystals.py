"""Contamination: crystals of ice that fell on the sample's surface, dark, angular and large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from tomoscout.simulation.region import around


@dataclass(frozen=True)
class Crystal:
    """A convex body of flat faces.

    Attributes
    ----------
    zyx
        Its middle, in ångström.
    radius
        Of the sphere around it, in ångström.
    density
        In units of solid protein; Bragg scattering makes crystals darker than their mass.
    seed
        Draws the faces.
    """

    zyx: tuple[float, float, float]
    radius: float
    density: float
    seed: int

    @property
    def faces(self) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
        """Outward normals of the faces and their distances from the middle."""
        rng = np.random.default_rng(self.seed)
        normals = rng.normal(size=(14, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return normals, self.radius * rng.uniform(0.55, 0.85, 14)

    def clearance(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Return how far points are from the surface, at most; negative inside."""
        normals, distances = self.faces
        offset = zyx - np.array(self.zyx)
        planes = np.max(offset @ normals.T - distances, axis=1)
        return np.asarray(np.maximum(planes, np.linalg.norm(offset, axis=1) - self.radius))

    def paint(self, volume: Float32[np.ndarray, "z y x"], *, voxel_spacing: float) -> None:
        """Add the crystal to a volume."""
        z, y, x = (int(n) for n in volume.shape)
        region, points = around(self.zyx, self.radius + voxel_spacing, (z, y, x), voxel_spacing)
        part = volume[region]
        if part.size == 0:
            return
        offset = points - np.array(self.zyx, np.float32)[:, None, None, None]
        off = np.sqrt((offset**2).sum(axis=0)) - np.float32(self.radius)
        for normal, distance in zip(*self.faces, strict=True):  # one by one: memory
            plane = np.tensordot(normal.astype(np.float32), offset, axes=1) - np.float32(distance)
            np.maximum(off, plane, out=off)
        part += np.float32(self.density) * np.clip(0.5 - off / np.float32(voxel_spacing), 0, 1)
