"""Moves of an image together with its points."""

from __future__ import annotations

from collections.abc import Iterable
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


def transform(
    volume: Volume, picks: Picks, matrix: Float[np.ndarray, "3 3"]
) -> tuple[Volume, Picks]:
    """Move voxels and points by a matrix, (z, y, x) about the centre; poses stay.

    Voxels are interpolated linearly; beyond the edge the crop is reflected.
    """
    centre = (np.array(volume.shape) - 1) / 2
    back = np.linalg.inv(matrix)
    data = ndimage.affine_transform(
        volume.read(), back, offset=centre - back @ centre, order=1, mode="mirror"
    )
    middle = centre * volume.voxel_spacing
    zyx = (picks.zyx - middle) @ matrix.T + middle
    return replace(volume, data=data), replace(picks, zyx=zyx)


def grow_for(shape: Shape, matrices: Iterable[Float[np.ndarray, "3 3"]]) -> Shape:
    """Return the crop that contains what the worst of the matrices moves into ``shape``.

    The crop grows by an even number, so that the centre of both is the same point.
    """
    half = (np.array(shape) - 1) / 2
    reach = np.max([np.abs(np.linalg.inv(matrix)) @ half for matrix in matrices], axis=0)
    more = np.maximum(reach - half, 0.0)
    z, y, x = (n + 2 * ceil(extra) for n, extra in zip(shape, more, strict=True))
    return z, y, x
