"""Candidates as dark blobs in single slices: blur, threshold, connected components of a fair size.

The selection of a published slice-wise contrastive method, with its numbers in ångström: each slice
is blurred, what is darker than its mean by 1.5 standard deviations is cut into components, and
those of a likely area are candidates, one for each slice in which a particle shows. There it took
slices in which annotated particles lie. Here slices are chosen by what they contain: how much
darker than its median the darkest twentieth of a slice is (gold covers less). Choose it for
encoders that look at slices; `dog` finds a particle once, at its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from pydantic import Field, field_validator
from scipy import ndimage

from tomoscout.candidates._found import LimitSettings, as_picks
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.ops.normalise import measure, slabs
from tomoscout.ops.suppress import suppress

_DARKEST = 5.0
"""Percentile that stands for the dark side of a slice: particles cover more, gold covers less."""

_FULL = 90.0
"""Percentile of the slices that stands for a full one."""

_TRUNCATE = 3.0
"""Standard deviations after which the blur ends; with 41 Å at 10 Å that is its 25 pixels."""


class Settings(LimitSettings):
    """Which blobs of which slices are candidates."""

    blur: float = Field(default=41.0, gt=0)
    """Standard deviation of the blur, in ångström."""
    darker: float = Field(default=1.5, gt=0)
    """Standard deviations of the blurred slice by which a blob is darker than its mean."""
    area: tuple[float, float] = (2600.0, 52400.0)
    """Least and largest area of a blob, in square ångström: discs of 58 and 258 Å. It took 0.01 %
    and 0.2 % of a slice of 512 x 512 pixels of 10 Å."""
    content: float = Field(default=0.75, ge=0, le=1)
    """Slices that contain less than this fraction of what a full one does are left out: how far
    the darkest twentieth lies below the median is compared. 0 takes every slice."""
    apart: float = Field(default=0.0, ge=0)
    """Candidates at most this far from a better one are dropped, in ångström; at 0 a particle is
    a candidate in each slice that shows it."""

    @field_validator("area")
    @classmethod
    def _in_order(cls, area: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= area[0] < area[1]:
            raise ValueError("two rising areas are needed")
        return area


@dataclass(frozen=True, eq=False)
class _Slice:
    """Blobs of one slice: centres (y, x) in voxels, contrasts, and how much the slice contains."""

    yx: Float[np.ndarray, "n 2"]
    contrast: Float[np.ndarray, " n"]
    content: float


def find(volume: Volume, *, settings: Settings, rng: np.random.Generator) -> Picks:
    """Find dark blobs, the darkest first.

    Parameters
    ----------
    volume
        Tomogram, protein dark; it is read in slabs.
    settings
        Which blobs of which slices.
    rng
        Not used.

    Returns
    -------
    Picks
        Scores are how much darker than its slice a blob is, in standard deviations of the slice.

    Raises
    ------
    UserError
        If a voxel is not a number, or all have the same value.
    """
    scale = measure(volume)
    found = [
        _look(plane, settings, volume.voxel_spacing)
        for z in slabs(volume)
        for plane in scale.apply(volume.read(z))
    ]
    content = np.array([one.content for one in found])
    full = settings.content * np.percentile(content, _FULL)
    kept = [
        (np.column_stack([np.full(len(one.yx), float(z)), one.yx]), one.contrast)
        for z, one in enumerate(found)
        if one.content >= full
    ]
    zyx = np.concatenate([places for places, _ in kept]) * volume.voxel_spacing
    contrast = np.concatenate([darkness for _, darkness in kept])
    if settings.apart:
        chosen = suppress(zyx, contrast, settings.apart)
        zyx, contrast = zyx[chosen], contrast[chosen]
    return as_picks(zyx, contrast, volume=volume, limit=settings.limit)


def _look(plane: Float32[np.ndarray, "y x"], settings: Settings, spacing: float) -> _Slice:
    """Find the blobs of one slice."""
    # Mirrored at the edges, as OpenCV does by default.
    blurred = ndimage.gaussian_filter(
        plane, settings.blur / spacing, mode="mirror", truncate=_TRUNCATE
    )
    mean, std = float(blurred.mean(dtype=np.float64)), float(blurred.std(dtype=np.float64))
    darkest, middle = np.percentile(blurred, (_DARKEST, 50.0))
    labels, count = ndimage.label(blurred < mean - settings.darker * std, np.ones((3, 3)))
    y, x = np.nonzero(labels)
    blob = labels[y, x] - 1
    area = np.bincount(blob, minlength=count)
    low, high = (limit / spacing**2 for limit in settings.area)
    fits = (area >= low) & (area <= high)
    y_mean, x_mean, depth = (
        np.bincount(blob, values, minlength=count)[fits] / area[fits]
        for values in (y, x, mean - blurred[y, x])
    )
    return _Slice(np.column_stack([y_mean, x_mean]), depth / (std or 1.0), float(middle - darkest))
