"""Moves of an image together with its points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from tomoscout.core.geometry import Shape
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.ops.symmetry import Symmetry


def reposition(volume: Volume, picks: Picks, symmetry: Symmetry) -> tuple[Volume, Picks]:
    """Turn or reverse a crop; the voxels are a view. A mirror image has no rotation left."""
    rotations = None
    if picks.rotations is not None and not symmetry.mirrors:
        rotations = symmetry.matrix @ picks.rotations
    moved = replace(volume, data=symmetry.apply(volume.data))
    zyx = symmetry.move(picks.zyx, geometry=volume.geometry)
    extent = moved.geometry.extent if picks.extent else None
    return moved, replace(picks, zyx=zyx, rotations=rotations, extent=extent)


def exchange(volume: Volume, picks: Picks, order: Sequence[int]) -> tuple[Volume, Picks]:
    """Put the axes of a crop into another order, as a view; poses follow, mirrored or not."""
    if tuple(order) == (0, 1, 2):
        return volume, picks
    moved = replace(volume, data=np.transpose(np.asarray(volume.data), order))
    rotations = None
    if picks.rotations is not None:
        # Reversing both axes of a matrix turns (z, y, x) vectors into (x, y, z) ones.
        rotations = np.eye(3)[list(order)][::-1, ::-1] @ picks.rotations
    extent = moved.geometry.extent if picks.extent else None
    return moved, replace(picks, zyx=picks.zyx[:, order], rotations=rotations, extent=extent)


def transform(
    volume: Volume, picks: Picks, matrix: Float[np.ndarray, "3 3"], *, shape: Shape | None
) -> tuple[Volume, Picks]:
    """Move voxels and points by a matrix, (z, y, x) about the centre; poses stay.

    Voxels are interpolated linearly, and only those of the central ``shape``, for speed; beyond
    the edge the crop is reflected.
    """
    shape = shape or volume.shape
    centre, new_centre = ((np.array(n) - 1) / 2 for n in (volume.shape, shape))
    back = np.linalg.inv(matrix)
    offset = centre - back @ new_centre
    data = ndimage.affine_transform(
        volume.read(), back, offset, output_shape=shape, order=1, mode="mirror"
    )
    zyx = (picks.zyx - centre * volume.voxel_spacing) @ matrix.T
    zyx += new_centre * volume.voxel_spacing
    return replace(volume, data=data), replace(picks, zyx=zyx)


def trim(volume: Volume, picks: Picks, shape: Shape) -> tuple[Volume, Picks]:
    """Cut the centre out of a crop; an axis that is short already stays as it is."""
    start = np.maximum(np.subtract(volume.shape, shape) // 2, 0)
    if not start.any() and volume.shape == shape:
        return volume, picks
    region = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
    cut = replace(volume, data=volume.data[region])
    return cut, replace(picks, zyx=picks.zyx - start * volume.voxel_spacing)


def grow_for(shape: Shape, matrices: Iterable[Float[np.ndarray, "3 3"]]) -> Shape:
    """Return the crop that contains what the worst of the matrices moves into ``shape``.

    The crop grows by an even number, so that the centre of both is the same point.
    """
    half = (np.array(shape) - 1) / 2
    reach = np.max([np.abs(np.linalg.inv(matrix)) @ half for matrix in matrices], axis=0)
    more = np.maximum(reach - half, 0.0)
    z, y, x = (n + 2 * ceil(extra) for n, extra in zip(shape, more, strict=True))
    return z, y, x
