"""Bring a tomogram to another voxel spacing, reading no more of it than is asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from tomoscout.core.geometry import Shape
from tomoscout.core.regions import box_of
from tomoscout.core.volume import Volume

_TRUNCATE = 4.0  # standard deviations after which the blur ends: SciPy's own
_AT_ONCE = 1 << 24  # voxels of the given tomogram that are worked on together, about
_FEWEST = 8  # planes made at once at least: the blur reads some on both sides of them


def resample(volume: Volume, voxel_spacing: float) -> Volume:
    """Return the tomogram at another voxel spacing, voxel 0 staying where it is.

    Linear interpolation after a Gaussian blur that removes what the coarser lattice cannot
    hold. Positions in ångström stay what they were. Nothing is computed before it is read, and
    then slab by slab: any part is the same as if all had been computed at once.

    Parameters
    ----------
    volume
        Tomogram at any voxel spacing, in memory or on disk.
    voxel_spacing
        Edge of the new voxels, in ångström.
    """
    return replace(volume, data=_Resampled(volume, voxel_spacing), voxel_spacing=voxel_spacing)


class _Resampled:
    """Voxels on another lattice, computed whenever a region is read."""

    def __init__(self, volume: Volume, voxel_spacing: float) -> None:
        self._given = volume
        self._ratio = ratio = voxel_spacing / volume.voxel_spacing
        z, y, x = (max(1, int((n - 1) / ratio + 1e-9) + 1) for n in volume.shape)
        self.shape: Shape = (z, y, x)
        self.dtype = np.dtype(np.float32)
        # A blur of half the lost band: what is narrower than the new voxel must not alias.
        self._sigma = 0.5 * math.sqrt(ratio**2 - 1) if ratio > 1 else 0.0
        self._reach = math.ceil(_TRUNCATE * self._sigma) + 1

    def __getitem__(self, region: Any, /) -> Any:
        (z, y, x), rest = box_of(region, self.shape)
        out = np.empty([part.stop - part.start for part in (z, y, x)], np.float32)
        if out.size:
            step = self._planes(y, x)
            for start in range(z.start, z.stop, step):
                stop = min(start + step, z.stop)
                part = self._compute((slice(start, stop), y, x))
                out[start - z.start : stop - z.start] = part
        return out[rest]

    def _planes(self, y: slice, x: slice) -> int:
        """How many planes of a part are made at once."""
        rows, columns = (part.stop - part.start for part in (y, x))
        planes = _AT_ONCE / (rows * columns * self._ratio**2) - 2 * self._reach
        return max(_FEWEST, int(planes / self._ratio))

    def _compute(self, box: tuple[slice, slice, slice]) -> Float32[np.ndarray, "z y x"]:
        """Interpolate a part from the voxels around it."""
        ratio = self._ratio
        ends = [
            (
                max(math.floor(part.start * ratio) - self._reach, 0),
                min(math.ceil((part.stop - 1) * ratio) + 1 + self._reach, length),
            )
            for part, length in zip(box, self._given.shape, strict=True)
        ]
        data = self._given.read(*(slice(low, high) for low, high in ends))
        if self._sigma:
            data = ndimage.gaussian_filter(data, self._sigma, mode="nearest", truncate=_TRUNCATE)
        moved: Float32[np.ndarray, "z y x"] = ndimage.affine_transform(
            data,
            np.full(3, ratio),
            offset=[part.start * ratio - low for part, (low, _) in zip(box, ends, strict=True)],
            output_shape=tuple(part.stop - part.start for part in box),
            order=1,
            mode="nearest",
        )
        return moved
