"""Where the cells of a map lie in a tomogram: the one place that knows the half-cell shift.

Voxel ``i`` has its centre at ``i * voxel_spacing`` from the corner (the convention of copick
and of the CZII challenge). Cell ``j`` of a map at stride ``s`` covers voxels ``s*j`` to
``s*j + s-1``, so its centre is voxel ``s*j + (s-1)/2``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from tomoscout.core.errors import UserError

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Geometry:
    """The lattice of a tomogram, or of a map computed from it at a stride.

    Attributes
    ----------
    shape
        Voxels of the tomogram, (z, y, x), whatever the stride.
    voxel_spacing
        Edge of one voxel of the tomogram, in ångström.
    stride
        Voxels per cell and axis; 1 for the tomogram itself.
    """

    shape: Shape
    voxel_spacing: float
    stride: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.voxel_spacing < math.inf:
            raise UserError(
                f"the voxel spacing must be above 0 Å, found {self.voxel_spacing:g}: "
                "give it with --voxel-spacing"
            )

    @property
    def cells(self) -> Shape:
        """Cells of the map, (z, y, x); the last ones may hang over the tomogram's edge."""
        z, y, x = (-(-n // self.stride) for n in self.shape)
        return z, y, x

    @property
    def cell_spacing(self) -> float:
        """Edge of one cell, in ångström."""
        return self.voxel_spacing * self.stride

    @property
    def extent(self) -> tuple[float, float, float]:
        """Edges of the tomogram, (z, y, x), in ångström."""
        z, y, x = (n * self.voxel_spacing for n in self.shape)
        return z, y, x

    def at_stride(self, stride: int) -> Geometry:
        """Return the same tomogram seen at another stride."""
        return replace(self, stride=stride)

    def to_angstrom(
        self, cells: Float[np.ndarray, "n 3"] | Int[np.ndarray, "n 3"]
    ) -> Float[np.ndarray, "n 3"]:
        """Return the positions, in ångström, of (fractional) cell indices."""
        offset = (self.stride - 1) / 2
        return (np.asarray(cells, np.float64) * self.stride + offset) * self.voxel_spacing

    def to_cells(self, zyx: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Return fractional cell indices of positions in ångström; rounding gives the cell."""
        offset = (self.stride - 1) / 2
        return (np.asarray(zyx, np.float64) / self.voxel_spacing - offset) / self.stride

    def contains(self, zyx: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
        """Tell which positions, in ångström, lie inside the tomogram."""
        voxels = np.asarray(zyx) / self.voxel_spacing
        return np.all((voxels >= -0.5) & (voxels < np.array(self.shape) - 0.5), axis=1)
