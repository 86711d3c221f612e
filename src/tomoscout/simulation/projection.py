"""Projecting a volume along tilted rays, and smearing images back along them.

The tilt axis is y, so every (z, x) plane is treated alike and one sparse matrix per tilt holds the
whole geometry: rows are detector pixels, columns are voxels of the plane, and the volume's y lines
are the vectors it multiplies. A voxel is a square seen edge-on: its shadow on the detector is a
trapezoid, and each pixel takes the part that falls on it, so a projection keeps the mass exactly.

Conventions: a tilt of ``a`` degrees carries a point (z, x), counted from the volume's middle, to
the detector coordinate ``x cos(a) + z sin(a)``, counted from the image's middle. Beyond the
volume's sides the sample goes on as its mirror image, as a real one goes on beyond the field of
view.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Float32

_SLAB = 16  # planes of z that are back-projected together: their matrix takes tens of MB


def project(
    volume: Float32[np.ndarray, "z y x"],
    degrees: Sequence[float],
    *,
    goes_on: bool = True,
    device: torch.device | None = None,
    progress: Callable[[float], None] | None = None,
) -> Float32[np.ndarray, "tilt y x"]:
    """Sum a volume along the rays of each tilt, in units of the volume's values times voxels.

    Parameters
    ----------
    volume
        What to project.
    degrees
        Tilts about the y axis, between -90 and 90.
    goes_on
        Whether the sample goes on beyond the volume's sides, as its mirror image; otherwise
        there is nothing.
    device
        Where to compute; the processor by default.
    progress
        Called with the share that is done, up to 1.
    """
    size_z, size_y, size_x = volume.shape
    lines = torch.from_numpy(np.ascontiguousarray(volume.transpose(0, 2, 1)))
    lines = lines.reshape(size_z * size_x, size_y).to(device or "cpu")
    images = np.empty((len(degrees), size_y, size_x), np.float32)
    for index, tilt in enumerate(degrees):
        rays = _tensor(shadow(size_z, size_x, tilt, goes_on=goes_on), lines.device)
        images[index] = (rays @ lines).T.cpu().numpy()
        if progress is not None:
            progress((index + 1) / len(degrees))
    return images


def back_project(
    images: Float32[np.ndarray, "tilt y x"],
    degrees: Sequence[float],
    *,
    depth: int,
    device: torch.device | None = None,
    progress: Callable[[float], None] | None = None,
) -> Float32[np.ndarray, "z y x"]:
    """Sum images back along their rays: each voxel takes every image's value at its shadow.

    Parameters
    ----------
    images
        Weighted images, as `reconstruction.weight` makes them.
    degrees
        Their tilts about the y axis.
    depth
        Voxels of the volume along z.
    device
        Where to compute; the processor by default.
    progress
        Called with the share that is done, up to 1.
    """
    count, size_y, size_x = images.shape
    columns = np.ascontiguousarray(images.transpose(0, 2, 1)).reshape(count * size_x, size_y)
    values = torch.from_numpy(columns).to(device or "cpu")
    volume = np.empty((depth, size_y, size_x), np.float32)
    for start in range(0, depth, _SLAB):
        planes = range(start, min(start + _SLAB, depth))
        rays = _tensor(_samples(planes, depth, size_x, degrees), values.device)
        slab = (rays @ values).reshape(len(planes), size_x, size_y)
        volume[start : planes.stop] = slab.permute(0, 2, 1).cpu().numpy()
        if progress is not None:
            progress(planes.stop / depth)
    return volume


def shadow(
    size_z: int, size_x: int, tilt: float, *, goes_on: bool = True
) -> scipy.sparse.csr_matrix:
    """Return the `(x, z * x)` matrix that projects one (z, x) plane at a tilt in degrees."""
    angle = np.deg2rad(tilt)
    z, x = np.divmod(np.arange(size_z * size_x), size_x)
    height = (z - (size_z - 1) / 2) * np.sin(angle)
    # Mirror images of the plane that reach the detector, both ways.
    reach = (size_x / 2 + np.abs(height).max() + 1) / max(float(np.cos(angle)), 1e-3)
    copies = int(np.ceil(reach / size_x)) + 1 if goes_on else 0
    rows, columns, weights = [], [], []
    for copy in range(-copies, copies + 1):
        place = x + copy * size_x if copy % 2 == 0 else (copy + 1) * size_x - 1 - x
        at = (place - (size_x - 1) / 2) * np.cos(angle) + height + (size_x - 1) / 2
        near = np.flatnonzero((at > -2) & (at < size_x + 1))
        middle = np.rint(at[near]).astype(np.int32)
        for pixel in (middle - 1, middle, middle + 1):  # a shadow is at most 1.42 pixels wide
            share = _below(pixel + 0.5 - at[near], angle) - _below(pixel - 0.5 - at[near], angle)
            hit = np.flatnonzero((pixel >= 0) & (pixel < size_x) & (share > 0))
            rows.append(pixel[hit])
            columns.append(near[hit])
            weights.append(share[hit])
    entries = np.concatenate(weights).astype(np.float32)
    where = (np.concatenate(rows), np.concatenate(columns))
    return scipy.sparse.csr_matrix((entries, where), shape=(size_x, size_z * size_x))


def _below(t: Float[np.ndarray, " n"], angle: float) -> Float[np.ndarray, " n"]:
    """Return the part of a unit square's shadow that falls below ``t``, counted from its middle."""
    wide, narrow = abs(np.cos(angle)), abs(np.sin(angle))
    wide, narrow = max(wide, narrow), max(min(wide, narrow), 1e-9)
    # The shadow is a box of width `wide` blurred by one of width `narrow`: a difference of ramps.
    edges = ((wide + narrow) / 2, (wide - narrow) / 2)

    def ramp(u: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        return np.square(np.maximum(u, 0))

    total = ramp(t + edges[0]) - ramp(t + edges[1]) - ramp(t - edges[1]) + ramp(t - edges[0])
    return np.clip(total / (2 * wide * narrow), 0, 1)


def _samples(
    planes: range, size_z: int, size_x: int, degrees: Sequence[float]
) -> scipy.sparse.csr_matrix:
    """Return the matrix that looks every voxel of some planes up in all images, linearly."""
    z, x = np.divmod(np.arange(len(planes) * size_x), size_x)
    z = z + planes.start - (size_z - 1) / 2
    x = x - (size_x - 1) / 2
    angles = np.deg2rad(np.asarray(degrees))[None, :]
    at = x[:, None] * np.cos(angles) + z[:, None] * np.sin(angles) + (size_x - 1) / 2
    seen = (at >= 0) & (at <= size_x - 1)  # a corner may lie beyond an image, which adds nothing
    low = np.clip(np.floor(at).astype(np.int32), 0, max(size_x - 2, 0))
    upper = np.clip(at - low, 0, 1).astype(np.float32)
    first = low + (np.arange(len(degrees), dtype=np.int32) * size_x)[None, :]
    columns = np.stack([first, np.minimum(first + 1, len(degrees) * size_x - 1)], axis=-1).ravel()
    weights = np.stack([(1 - upper) * seen, upper * seen], axis=-1).astype(np.float32).ravel()
    bounds = np.arange(len(z) + 1, dtype=np.int32) * (2 * len(degrees))
    shape = (len(z), len(degrees) * size_x)
    return scipy.sparse.csr_matrix((weights, columns, bounds), shape=shape)


def _tensor(matrix: scipy.sparse.csr_matrix, device: torch.device) -> torch.Tensor:
    """Hand a matrix to torch, which multiplies it on all cores or on a GPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # sparse matrices are 'in beta state'
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr),
            torch.from_numpy(matrix.indices),
            torch.from_numpy(matrix.data),
            size=matrix.shape,
            device=device,
            check_invariants=False,
        )
