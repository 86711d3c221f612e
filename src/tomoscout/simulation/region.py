"""The part of a volume around a point: what a thing needs to paint itself."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from tomoscout.core.geometry import Shape


def around(
    zyx: tuple[float, float, float], reach: float, shape: Shape, voxel_spacing: float
) -> tuple[tuple[slice, slice, slice], Float32[np.ndarray, "3 z y x"]]:
    """Return the part of a volume within reach of a point, and where its voxels lie.

    Parameters
    ----------
    zyx
        The point, in ångström.
    reach
        Half the edge of the part, in ångström.
    shape
        Voxels of the volume; the part ends at its border and may be empty.
    voxel_spacing
        Edge of one voxel, in ångström.
    """
    low = np.maximum(np.floor((np.array(zyx) - reach) / voxel_spacing), 0).astype(int)
    high = np.minimum(np.ceil((np.array(zyx) + reach) / voxel_spacing) + 1, shape).astype(int)
    z, y, x = (slice(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True))
    axes = [np.arange(s.start, s.stop, dtype=np.float32) * voxel_spacing for s in (z, y, x)]
    return (z, y, x), np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
