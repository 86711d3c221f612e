"""Crops of a tomogram: where they start, and what they hold beyond its edge.

Beyond the edge the tomogram is reflected about the centres of its first and last voxel. A crop of
``n`` voxels that starts at voxel ``s`` has its centre at ``s + (n - 1) / 2``: between two voxels
where ``n`` is even.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped

from tomoscout.core.geometry import Shape
from tomoscout.core.volume import Array3D

_NEARLY = 1e-3  # voxels: coordinates that went through a file of ångström are no further off


def cut(data: Array3D, start: Shape, shape: Shape) -> Shaped[np.ndarray, "z y x"]:
    """Read a block of voxels, reflected where it hangs over the edge.

    Parameters
    ----------
    data
        Voxels in memory or on disk; no more of them is read than the block needs.
    start
        First voxel (z, y, x); may be negative.
    shape
        Voxels (z, y, x) of the block; may be more than there are.
    """
    indices = [
        reflected(first, count, size)
        for first, count, size in zip(start, shape, data.shape, strict=True)
    ]
    region = tuple(slice(int(i.min()), int(i.max()) + 1) for i in indices)
    block = np.asarray(data[region])
    for axis, (index, part, count) in enumerate(zip(indices, region, shape, strict=True)):
        if part.stop - part.start != count or index[0] != part.start:  # reflected here
            block = block.take(index - part.start, axis)
    return block


def crops_at(
    data: Array3D, centres: Float[np.ndarray, "n 3"], shape: Shape
) -> Shaped[np.ndarray, "n z y x"]:
    """Cut crops around given centres, each at the whole voxel that puts it nearest to its own.

    Parameters
    ----------
    data
        Voxels in memory or on disk.
    centres
        Wanted centres (z, y, x), in (fractional) voxels.
    shape
        Voxels (z, y, x) of a crop.
    """
    starts = np.stack([first_voxels(centres[:, k], n) for k, n in enumerate(shape)], axis=1)
    out = np.empty((len(starts), *shape), data.dtype)
    for crop, (z, y, x) in zip(out, starts.tolist(), strict=True):
        crop[...] = cut(data, (z, y, x), shape)
    return out


def reflected(start: int, count: int, size: int) -> Int[np.ndarray, " count"]:
    """Return which voxels of an axis of ``size`` stand at ``start`` and the ``count`` from there.

    Parameters
    ----------
    start, count
        First voxel, which may lie before the axis, and number of voxels.
    size
        Voxels of the axis.
    """
    index = np.arange(start, start + count)
    period = max(2 * (size - 1), 1)
    return np.minimum(index % period, -index % period)


def first_voxels(centres: Float[np.ndarray, "*points"], count: int) -> Int[np.ndarray, "*points"]:
    """Return where crops start along one axis whose centres are nearest to the given ones.

    Of two that are equally near the later one is taken, so evenly spaced centres give evenly
    spaced crops.

    Parameters
    ----------
    centres
        Wanted centres, in (fractional) voxels.
    count
        Voxels of a crop along the axis.
    """
    starts = np.asarray(centres, np.float64) - (count - 1) / 2
    return np.floor(starts + 0.5 + _NEARLY).astype(np.int64)


def nearest_shape(edge: float, divisor: Shape, *, flat: bool = False) -> Shape:
    """Return the shape nearest to a cube whose edges are multiples of a divisor.

    Parameters
    ----------
    edge
        Wanted voxels along each axis.
    divisor
        Of which each edge (z, y, x) must be a multiple; it is one of them at least.
    flat
        Whether a single plane is wanted.
    """
    z, y, x = (max(round(edge / d), 1) * d for d in divisor)
    return (1 if flat else z), y, x
