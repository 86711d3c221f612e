"""A molecule cut out of a measured or computed map: the background goes, its skirts stay.

Maps come in any scale, in boxes of any shape, with noise, negative halos or an offset around
the molecule. What counts as molecule is decided on a smoothed copy, at a few per cent of the
peak or well above the noise, whichever is higher; crumbs are dropped, and the mask then grows
by a few ångström, so that the molecule's own soft edge is kept and no mass is cut from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume

_SMOOTH = 3.0  # Å: closes the gaps between atoms and averages the noise, keeps the outline
_FLOOR = 0.05  # of the peak: what counts in a map without noise
_NOISE = 4.0  # standard deviations: what counts in a map with noise ...
_CEILING = 0.25  # ... but never more than this share of the peak
_DOUBT = 6.0  # a peak of fewer standard deviations is noise
_DARK = 1.5  # troughs deeper than so many peaks: in noise the two are alike
_CRUMB = 0.05  # pieces of less than this share of the largest are dropped
_SKIRT = 5.0  # Å by which the mask grows


@dataclass(frozen=True)
class Cutout:
    """A molecule without its background.

    Attributes
    ----------
    data
        `(z, y, x)` the box around the molecule, 0 outside it and never negative, in the map's
        units.
    solid
        Volume inside the contour at half the molecule's own level, in Å^3.
    """

    data: Float32[np.ndarray, "z y x"]
    solid: float


def cut_out(volume: Volume) -> Cutout:
    """Find the molecule in a map and remove all else.

    Parameters
    ----------
    volume
        Map with the molecule positive, as maps of molecules are (tomograms are not).

    Raises
    ------
    UserError
        If the map holds numbers that are none, nothing that stands out, or a dark molecule.
    """
    data = volume.read()
    if not np.isfinite(data).all():
        raise UserError(f"{volume.name}: holds values that are not numbers: write the map again")
    data = data - _background(data)
    smooth = _smoothed(data, volume.voxel_spacing)
    mask = _largest(smooth > _threshold(smooth, volume), smooth)
    level = _level(smooth[mask])
    solid = float(np.count_nonzero(mask & (smooth > level / 2))) * volume.voxel_spacing**3
    box = _box(mask, margin=_skirt(volume) + 1)
    grown = ndimage.binary_dilation(mask[box], iterations=_skirt(volume))
    return Cutout(np.where(grown, np.maximum(data[box], 0), np.float32(0)), solid)


def _background(data: Float32[np.ndarray, "z y x"]) -> np.float32:
    """Return the median of the box's faces: the molecule touches few of their voxels."""
    faces = [data[tuple(at)] for axis in range(3) for at in _faces(axis)]
    return np.float32(np.median(np.concatenate([face.ravel() for face in faces])))


def _faces(axis: int) -> list[list[slice | int]]:
    """Index the two faces across an axis."""
    return [[end if each == axis else slice(None) for each in range(3)] for end in (0, -1)]


def _smoothed(data: Float32[np.ndarray, "z y x"], voxel_spacing: float) -> np.ndarray:
    """Blur a fine map; one whose voxels blur as much by themselves stays."""
    sigma = np.sqrt(max(_SMOOTH**2 - (voxel_spacing / 2) ** 2, 0.0)) / voxel_spacing
    return ndimage.gaussian_filter(data, sigma) if sigma > 0.1 else data


def _threshold(smooth: Float32[np.ndarray, "z y x"], volume: Volume) -> float:
    """Say above which value a voxel belongs to the molecule."""
    peak, trough = float(smooth.max()), -float(smooth.min())
    if trough > _DARK * peak:
        raise UserError(
            f"{volume.name}: the molecule is darker than its background: "
            "invert the map (multiply it by -1)"
        )
    # The molecule adds nothing below the background, so the noise is measured there. Halos
    # count as noise too, as they should.
    below = smooth[smooth < 0]
    noise = float(np.sqrt(np.square(below, dtype=np.float64).mean())) if below.size else 0.0
    if peak <= _DOUBT * noise:
        found = (
            f"its peak is {peak / noise:.1f} times its noise" if noise else "its values are all one"
        )
        raise UserError(
            f"{volume.name}: no molecule stands out, {found}: give a map of one molecule"
        )
    return min(max(_FLOOR * peak, _NOISE * noise), _CEILING * peak)


def _largest(
    mask: Bool[np.ndarray, "z y x"], smooth: Float32[np.ndarray, "z y x"]
) -> Bool[np.ndarray, "z y x"]:
    """Keep the pieces that weigh something beside the heaviest."""
    pieces, count = ndimage.label(mask, np.ones((3, 3, 3)))
    weight = np.bincount(pieces.ravel(), smooth.ravel(), minlength=count + 1)
    weight[0] = 0
    return (weight >= _CRUMB * weight.max())[pieces] & mask


def _level(values: Float32[np.ndarray, " n"]) -> float:
    """Return the level of the molecule's inside: the mean of what reaches half of it."""
    level = float(values.mean())
    for _ in range(20):
        level = float(values[values > level / 2].mean())
    return level


def _skirt(volume: Volume) -> int:
    """Voxels by which the mask grows."""
    return max(1, round(_SKIRT / volume.voxel_spacing))


def _box(mask: Bool[np.ndarray, "z y x"], *, margin: int) -> tuple[slice, ...]:
    """Return the smallest box around a mask, with a margin where the array has one."""
    found = ndimage.find_objects(mask.astype(np.int8))[0]
    return tuple(slice(max(at.start - margin, 0), at.stop + margin) for at in found)
