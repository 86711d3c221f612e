"""Draw a scene: every molecule turned, shifted below one voxel and added to the volume."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from tomoscout.core.geometry import Shape
from tomoscout.simulation.density import Density
from tomoscout.simulation.scene import Arrangement


def render(
    arrangement: Arrangement,
    *,
    shape: Shape,
    voxel_spacing: float,
    densities: Mapping[str, Density],
    occupancy: Mapping[str, float] | None = None,
) -> Float32[np.ndarray, "z y x"]:
    """Return the density of a scene, protein positive, before any microscope.

    Parameters
    ----------
    arrangement
        What stands where.
    shape
        Voxels of the volume, (z, y, x).
    voxel_spacing
        Edge of one voxel, in ångström.
    densities
        One molecule per object and kind of debris that occurs. Finer voxels than the volume's
        keep more detail through the rotation; half the volume's spacing is enough.
    occupancy
        Factor on each object's density; 1 where it has none.
    """
    volume = np.zeros(shape, np.float32)
    for thing in arrangement.clutter:
        thing.paint(volume, voxel_spacing=voxel_spacing)
    scale = occupancy or {}
    for picks in (arrangement.picks, arrangement.cut):
        rotations = np.zeros((0, 3, 3)) if picks.rotations is None else picks.rotations
        for zyx, name, turn in zip(picks.zyx, picks.objects, rotations, strict=True):
            factor = scale.get(str(name), 1.0)
            stamp(volume, densities[str(name)], zyx, turn, voxel_spacing=voxel_spacing, by=factor)
    for bit in arrangement.debris:
        stamp(volume, densities[bit.name], bit.zyx, bit.rotation, voxel_spacing=voxel_spacing)
    return volume


def stamp(
    volume: Float32[np.ndarray, "z y x"],
    density: Density,
    zyx: Float[np.ndarray, " 3"],
    rotation: Float[np.ndarray, "3 3"],
    *,
    voxel_spacing: float,
    by: float = 1.0,
) -> None:
    """Add one molecule to a volume, in place; what lies outside the volume is cut off.

    Parameters
    ----------
    volume
        Where to add it.
    density
        The molecule in its reference pose.
    zyx
        Its centre, in ångström.
    rotation
        Matrix that turns the reference into its pose, for (x, y, z) column vectors.
    voxel_spacing
        Edge of the volume's voxels, in ångström.
    by
        Factor on the density.
    """
    z, y, x = (int(n) for n in volume.shape)
    found = turned(density, zyx, rotation, shape=(z, y, x), voxel_spacing=voxel_spacing)
    if found is not None:
        region, values = found
        volume[region] += values if by == 1.0 else values * np.float32(by)


def turned(
    density: Density,
    zyx: Float[np.ndarray, " 3"],
    rotation: Float[np.ndarray, "3 3"],
    *,
    shape: Shape,
    voxel_spacing: float,
) -> tuple[tuple[slice, slice, slice], Float32[np.ndarray, "z y x"]] | None:
    """Return the part of a volume that a molecule covers, and its density there.

    None where it does not reach into the volume. Parameters as in `stamp`; ``shape`` is the
    volume's.
    """
    centre = zyx / voxel_spacing
    reach = density.reach / voxel_spacing
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, shape).astype(int)
    if np.any(high <= low):
        return None
    # Each output voxel asks the reference, so the turn is undone; reversing both axes of an
    # xyz matrix makes it a zyx matrix.
    undo = rotation[::-1, ::-1].T * (voxel_spacing / density.voxel_spacing)
    middle = np.full(3, density.data.shape[0] // 2)
    values = ndimage.affine_transform(
        density.data,
        undo,
        offset=middle + undo @ (low - centre),
        output_shape=tuple(int(n) for n in high - low),
        order=1,
        output=np.float32,
    )
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (z, y, x), values
