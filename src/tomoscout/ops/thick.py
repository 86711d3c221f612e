"""Thicker slices: each plane of a tomogram averaged with its neighbours along z.

A slice of one voxel is mostly noise; one as thick as a particle shows it better, to networks that
look at slices. The average is made as planes are read, so a tomogram need not be in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from tomoscout.core.volume import Array3D, Volume


def thicken(volume: Volume, thickness: float) -> Volume:
    """Return the tomogram with planes averaged over a thickness, where that is more than one.

    Parameters
    ----------
    volume
        Tomogram in memory or on disk.
    thickness
        In ångström; an odd number of planes, the nearest, is averaged around each plane. Beyond
        the first and last plane there is nothing to average: fewer are.
    """
    beyond = round((thickness / volume.voxel_spacing - 1) / 2)
    return replace(volume, data=_Thick(volume.data, beyond)) if beyond > 0 else volume


@dataclass(frozen=True)
class _Thick:
    """A view of an array whose planes are means over neighbours."""

    data: Array3D
    beyond: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.data.shape

    @property
    def dtype(self) -> Any:
        """Type of one voxel."""
        return np.dtype(np.float32)

    def __getitem__(self, region: Any, /) -> Float32[np.ndarray, "z y x"]:
        """Read a region of slices, or all."""
        parts = (slice(None),) * 3 if region is Ellipsis else (*region, *(slice(None),) * 3)[:3]
        start, stop, _ = parts[0].indices(self.shape[0])
        low, high = max(start - self.beyond, 0), min(stop + self.beyond, self.shape[0])
        block = np.asarray(self.data[(slice(low, high), *parts[1:])], np.float32)
        sums = np.zeros((len(block) + 1, *block.shape[1:]))
        np.cumsum(block, axis=0, out=sums[1:])
        planes = np.arange(start, stop)
        first = np.maximum(planes - self.beyond, 0) - low
        last = np.minimum(planes + self.beyond + 1, self.shape[0]) - low
        means = (sums[last] - sums[first]) / (last - first)[:, None, None]
        return means.astype(np.float32)
