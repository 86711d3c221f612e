"""Centres of crops that cover a tomogram in order: rows of them along each axis.

A grid is the product of its three axes, so what is computed for its crops, in order, is a map: the
value of crop ``(i, j, k)`` belongs at ``(z[i], y[j], x[k])``. A flat list of evenly spaced crops
taken from another grid is not, and shears the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tomoscout.core.geometry import Geometry, Shape


@dataclass(frozen=True, eq=False)
class Grid:
    """Centres of crops along each axis, rising, in (fractional) voxels."""

    z: Float[np.ndarray, " z"]
    y: Float[np.ndarray, " y"]
    x: Float[np.ndarray, " x"]

    @classmethod
    def at_stride(cls, shape: Shape, stride: int) -> Grid:
        """Return the centres of a score map's cells, so that vectors drop into one.

        Parameters
        ----------
        shape
            Voxels (z, y, x) of the tomogram.
        stride
            Voxels per cell and axis; the last centres may lie beyond the edge.
        """
        cells = Geometry(shape, 1.0, stride).cells
        z, y, x = (np.arange(n) * float(stride) + (stride - 1) / 2 for n in cells)
        return cls(z, y, x)

    @classmethod
    def evenly(cls, shape: Shape, counts: Shape, crop: Shape) -> Grid:
        """Return as many centres along each axis as are wanted, from edge to edge.

        The first and the last crop touch the tomogram's edges; a single one lies in the middle.

        Parameters
        ----------
        shape
            Voxels (z, y, x) of the tomogram.
        counts
            Crops along (z, y, x); more than there are voxels makes crops that are the same.
        crop
            Voxels (z, y, x) of a crop; where the tomogram has fewer, all centres lie in its middle.
        """
        z, y, x = (_evenly(n, k, c) for n, k, c in zip(shape, counts, crop, strict=True))
        return cls(z, y, x)

    @property
    def shape(self) -> Shape:
        """Crops along (z, y, x)."""
        return len(self.z), len(self.y), len(self.x)

    def centres_angstrom(self, voxel_spacing: float) -> Float[np.ndarray, "n 3"]:
        """Return all centres in ångström, (z, y, x), x running fastest.

        Parameters
        ----------
        voxel_spacing
            Edge of one voxel of the tomogram, in ångström.
        """
        axes = np.meshgrid(self.z, self.y, self.x, indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1) * voxel_spacing


def _evenly(size: int, count: int, crop: int) -> Float[np.ndarray, " count"]:
    """Spread centres over one axis."""
    middle, room = (size - 1) / 2, max(size - crop, 0) / 2
    if count == 1:
        return np.array([middle])
    return np.linspace(middle - room, middle + room, count)
