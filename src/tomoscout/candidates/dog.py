"""Candidates as round dark blobs in three dimensions: a pyramid of differences of Gaussians.

A narrow and a wide blur differ most at the middle of a blob whose size is between them. For each
diameter the tomogram is filtered so, and the maxima that stand out by some standard deviations are
candidates, the best first, each of which drops what is worse and in its reach. Larger diameters are
looked for on a coarser lattice, which costs next to nothing. Choose it first: it finds each
particle once, at its middle, whatever its shape, as long as it is compact. It finds gold and debris
as well, and better. Lowe, 2004, doi:10.1023/B:VISI.0000029664.99615.94, in three dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32
from pydantic import Field, field_validator
from scipy import ndimage

from tomoscout.candidates._found import LimitSettings, as_picks
from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.ops.normalise import Normaliser, NormaliseSettings, measure
from tomoscout.ops.suppress import suppress, suppress_each

_RATIO = 1.6
"""Of the wide blur to the narrow one: at it their difference is nearest to a Laplacian (Marr)."""

_FINEST = 1.25
"""Standard deviation of the narrow blur, in cells, at which a coarser lattice is not yet needed."""

_TRUNCATE = 4.0
"""Standard deviations after which a blur ends."""

_BLOB = "blob-"
"""What names of blobs begin with; their diameter in ångström follows."""

_AT_ONCE = 1 << 24
"""Voxels that are worked on together, about."""

Found = tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]


class Settings(LimitSettings):
    """What sizes are looked for, and how much a blob must stand out."""

    diameters: tuple[float, ...] = Field(default=(80.0, 120.0, 180.0, 270.0), min_length=1)
    """Diameters of the blobs, in ångström; one half as large again is still found,
    and a hollow one answers at a diameter larger than its own."""
    threshold: float = 3.0
    """Standard deviations of the filtered tomogram by which a blob stands out."""
    apart: float = Field(default=0.7, gt=0)
    """How far a candidate drops worse ones, as a fraction of its diameter; a blob's own rim and
    details lie up to half of it from its middle, and its diameter is a rough guess."""

    @field_validator("diameters")
    @classmethod
    def _above_zero(cls, diameters: tuple[float, ...]) -> tuple[float, ...]:
        if min(diameters) <= 0:
            raise ValueError("diameters must be above 0")
        return diameters


def find(volume: Volume, *, settings: Settings, rng: np.random.Generator) -> Picks:
    """Find dark blobs, those that stand out most first.

    Parameters
    ----------
    volume
        Tomogram, protein dark; it is read in slabs.
    settings
        Which sizes, and how much they must stand out.
    rng
        Not used.

    Returns
    -------
    Picks
        Scores are in standard deviations of the filtered tomogram, at the diameter at which a blob
        stands out most.

    Raises
    ------
    UserError
        If a voxel is not a number, or all have the same value.
    """
    zyx, scores, _ = _blobs(volume, settings)
    return as_picks(zyx, scores, volume=volume, limit=settings.limit)


def find_sized(volume: Volume, *, settings: Settings, bright: bool = False) -> Picks:
    """Find blobs as `find` does, each called by the diameter it stands out most at.

    Choose it where sizes are wanted, as of balls to train on.

    Parameters
    ----------
    volume, settings
        As of `find`.
    bright
        Whether protein is bright, and blobs with it.

    Returns
    -------
    Picks
        As of `find`, with names by `blob_name`.

    Raises
    ------
    UserError
        If a voxel is not a number, or all have the same value.
    """
    zyx, scores, diameters = _blobs(volume, settings, bright=bright)
    names = np.array([blob_name(diameter) for diameter in diameters], str)
    return as_picks(zyx, scores, names, volume=volume, limit=settings.limit)


def blob_name(diameter: float) -> str:
    """Return what blobs of a diameter in ångström are called."""
    return f"{_BLOB}{diameter:g}"


def is_blob(name: str) -> bool:
    """Tell whether an object is called as blobs of some diameter are."""
    return name.startswith(_BLOB) and name.removeprefix(_BLOB).replace(".", "", 1).isdigit()


def _blobs(
    volume: Volume, settings: Settings, *, bright: bool = False
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return the middles of blobs, how much they stand out, and at which diameter."""
    scale = measure(volume, NormaliseSettings(invert=bright))
    parts = []
    for diameter in settings.diameters:
        zyx, score = _at_diameter(volume, scale, diameter, settings.threshold)
        own = suppress(zyx, score, settings.apart * diameter)
        parts.append((zyx[own], score[own], np.full(len(own), diameter)))
    zyx, score, diameters = (np.concatenate(part) for part in zip(*parts, strict=True))
    best = suppress_each(zyx, score, settings.apart * diameters)
    return zyx[best], score[best], diameters[best]


def _at_diameter(volume: Volume, scale: Normaliser, diameter: float, threshold: float) -> Found:
    """Return the maxima that stand out at one diameter, in ångström."""
    # The scale at which a ball answers most in three dimensions.
    sigma = diameter / (2 * math.sqrt(3)) / volume.voxel_spacing
    narrow, wide = sigma / math.sqrt(_RATIO), sigma * math.sqrt(_RATIO)
    stride = max(1, int(narrow / _FINEST))
    geometry = volume.geometry.at_stride(stride)
    # Means over blocks blur already; what is left to do is in cells.
    blurs = [math.sqrt(max(s**2 - (stride**2 - 1) / 12, 0.0)) / stride for s in (narrow, wide)]
    cells, answers, total, square = [np.zeros((0, 3), int)], [np.zeros(0)], 0.0, 0.0
    for first, here, there in _answers(volume, scale, geometry, blurs):
        inner = there[here]
        total += float(inner.sum(dtype=np.float64))
        square += float(np.square(inner, dtype=np.float64).sum())
        is_top = (there == ndimage.maximum_filter(there, size=3))[here] & (inner > 0)
        tops = np.argwhere(is_top)
        cells.append(tops + np.array([first, 0, 0]))
        answers.append(inner[is_top].astype(np.float64))
    count = math.prod(geometry.cells)
    mean = total / count
    std = math.sqrt(max(square / count - mean**2, 0.0)) or 1.0
    score = (np.concatenate(answers) - mean) / std
    stands_out = score >= threshold
    return geometry.to_angstrom(np.concatenate(cells)[stands_out]), score[stands_out]


def _answers(
    volume: Volume, scale: Normaliser, geometry: Geometry, blurs: list[float]
) -> Iterator[tuple[int, slice, Float32[np.ndarray, "z y x"]]]:
    """Filter slab by slab; yield its first plane, where it lies in the filtered part, and that."""
    depth, stride = geometry.cells[0], geometry.stride
    halo = int(_TRUNCATE * max(blurs) + 0.5) + 1  # SciPy's reach, and a neighbour for the maxima
    planes = max(1, _AT_ONCE // (stride * math.prod(volume.shape[1:])))
    for first in range(0, depth, planes):
        last = min(first + planes, depth)
        low, high = max(first - halo, 0), min(last + halo, depth)
        voxels = scale.apply(volume.read(slice(low * stride, high * stride)))
        blocks = _block_means(voxels, stride)
        narrow, wide = (
            ndimage.gaussian_filter(blocks, s, mode="mirror", truncate=_TRUNCATE) for s in blurs
        )
        yield first, slice(first - low, last - low), wide - narrow


def _block_means(voxels: Float32[np.ndarray, "z y x"], stride: int) -> Float32[np.ndarray, "c b a"]:
    """Average over cubes; one that hangs over the edge repeats the last voxel."""
    if stride == 1:
        return voxels
    voxels = np.pad(voxels, [(0, -n % stride) for n in voxels.shape], mode="edge")
    z, y, x = (n // stride for n in voxels.shape)
    means: Float32[np.ndarray, "c b a"] = voxels.reshape(z, stride, y, stride, x, stride).mean(
        axis=(1, 3, 5), dtype=np.float32
    )
    return means
