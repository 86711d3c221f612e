"""A tomogram: a 3-D array, in memory or on disk, and the size of its voxels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry, Shape


@runtime_checkable
class Array3D(Protocol):
    """What a volume's data must offer: numpy arrays, memory maps and zarr arrays all do."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of one voxel."""
        ...

    def __getitem__(self, region: Any, /) -> Any:
        """Read a region."""
        ...


@dataclass(frozen=True)
class Volume:
    """A tomogram as (z, y, x) densities, protein dark, that need not be in memory.

    Attributes
    ----------
    data
        Three-dimensional array; reading a region of it may read from disk.
    voxel_spacing
        Edge of one voxel, in ångström.
    name
        What messages call it: a run name or a path.
    """

    data: Array3D
    voxel_spacing: float
    name: str = "tomogram"

    def __post_init__(self) -> None:
        if len(self.data.shape) != 3:
            raise UserError(
                f"{self.name}: a tomogram has 3 axes (z, y, x), "
                f"found {len(self.data.shape)} with shape {tuple(self.data.shape)}: "
                "give one reconstructed volume"
            )
        if 0 in self.data.shape:
            raise UserError(f"{self.name}: the volume is empty, shape {tuple(self.data.shape)}")
        _ = self.geometry  # a wrong voxel spacing is reported here, not at its first use

    @property
    def shape(self) -> Shape:
        """Voxels along (z, y, x)."""
        z, y, x = (int(n) for n in self.data.shape)
        return z, y, x

    @property
    def geometry(self) -> Geometry:
        """The lattice of the voxels."""
        return Geometry(self.shape, self.voxel_spacing)

    def read(self, *region: slice) -> Float32[np.ndarray, "z y x"]:
        """Read a region (all of it by default) as float32, and nothing else of the file."""
        return np.asarray(self.data[region or ...], dtype=np.float32)

    def load(self) -> Volume:
        """Return the same volume with its voxels in memory, in this machine's byte order."""
        data = np.ascontiguousarray(self.data[...])
        return replace(self, data=data.astype(data.dtype.newbyteorder("="), copy=False))
