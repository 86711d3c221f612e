"""Bring a tomogram to another voxel spacing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from tomoscout.core.volume import Volume


def resample(volume: Volume, voxel_spacing: float) -> Volume:
    """Return the tomogram at another voxel spacing, in memory, voxel 0 staying where it is.

    Linear interpolation after a Gaussian blur that removes what the coarser lattice cannot
    hold. Positions in ångström stay what they were.

    Parameters
    ----------
    volume
        Tomogram at any voxel spacing.
    voxel_spacing
        Edge of the new voxels, in ångström.
    """
    ratio = voxel_spacing / volume.voxel_spacing
    data = volume.read()
    if ratio > 1:
        # A blur of half the lost band: what is narrower than the new voxel must not alias.
        data = ndimage.gaussian_filter(data, 0.5 * np.sqrt(ratio**2 - 1), mode="nearest")
    z, y, x = (max(1, int((n - 1) / ratio + 1e-9) + 1) for n in volume.shape)
    moved = ndimage.affine_transform(
        data, np.full(3, ratio), output_shape=(z, y, x), order=1, mode="nearest"
    )
    return replace(volume, data=moved, voxel_spacing=voxel_spacing)
