"""Cut a patch out of a tomogram, together with the particles in it and just outside it.

A patch may hang over the tomogram's edge: there the tomogram is reflected, and so are its
particles, because a reflected particle without a label would teach the network to miss it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from tomoscout.core.geometry import Shape
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.ops.crops import cut


def crop(
    volume: Volume, picks: Picks, *, start: Shape, shape: Shape, margin: float
) -> tuple[Volume, Picks]:
    """Cut a patch, as a copy in float32.

    Parameters
    ----------
    volume
        Tomogram, of any float type.
    picks
        Its particles, in ångström from its corner.
    start
        First voxel (z, y, x) of the patch; may be negative.
    shape
        Voxels (z, y, x) of the patch; may be more than the tomogram has.
    margin
        Particles up to this far outside the patch are kept, in ångström: large ones reach in.

    Returns
    -------
    The patch, and its particles in ångström from the patch's corner.
    """
    for axis in range(3):
        picks = _with_reflections(picks, axis, start[axis], shape[axis], volume, margin)
    low = (np.array(start) - 0.5) * volume.voxel_spacing - margin
    high = (np.add(start, shape) - 0.5) * volume.voxel_spacing + margin
    near = picks[np.all((picks.zyx >= low) & (picks.zyx < high), axis=1)]
    zyx = near.zyx - np.array(start) * volume.voxel_spacing
    patch = replace(volume, data=np.array(cut(volume.data, start, shape), np.float32))
    return patch, replace(near, zyx=zyx, extent=None)


def crop_labels(labels: Volume, *, start: Shape, shape: Shape) -> UInt8[np.ndarray, "z y x"]:
    """Cut the labels of a patch, as a copy; beyond the edge they are reflected with the image."""
    return np.array(cut(labels.data, start, shape), np.uint8)


def _with_reflections(
    picks: Picks, axis: int, start: int, count: int, volume: Volume, margin: float
) -> Picks:
    """Add the mirror images of particles in the part of a patch beyond the tomogram."""
    last = volume.shape[axis] - 1
    below, above = start < 0, start + count - 1 > last
    if last == 0 or not (below or above):
        return picks
    at = picks.zyx[:, axis] / volume.voxel_spacing
    reach = margin / volume.voxel_spacing
    first = int((start - reach) // (2 * last))
    final = int((start + count + reach) // (2 * last)) + 1
    parts = [picks]
    for period in range(first, final + 1):
        # A particle exactly on an edge is its own mirror image: it is there already.
        shifted, mirrored = 2 * last * period + at, 2 * last * period - at
        for image, new in ((shifted, period != 0), (mirrored, at % last != 0)):
            beyond = new & ((below & (image < 0)) | (above & (image > last)))
            zyx = picks.zyx.copy()
            zyx[:, axis] = image * volume.voxel_spacing
            parts.append(replace(picks, zyx=zyx, rotations=None)[beyond])
    found = [part for part in parts if len(part)]
    return Picks.concatenate(found) if found else picks
