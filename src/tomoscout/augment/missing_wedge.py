"""Widen the missing wedge of the crop.

Tilt series end at different angles, and what no projection showed is missing from the tomogram: a
wedge of frequencies around z. Taking away more of it teaches a network not to hang on views that
other tomograms lack. Choose it for views of contrastive learning, and for detectors that are used
on tilt ranges narrower than those they learn from; not where the wedge has been filled in. The
tilt axis is y, as everywhere in the package; crops of a single slice have nothing to lose.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field, field_validator

from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume
from tomoscout.ops.fourier import frequencies

LABELS = "kept"


class Settings(BaseSettings):
    """Settings of the wedge."""

    probability: float = Field(default=0.3, ge=0, le=1)
    """Chance of a wider wedge."""
    tilts: tuple[float, float] = (40.0, 60.0)
    """Smallest and largest tilt, in degrees, that the series is made to end at, on both sides."""

    @field_validator("tilts")
    @classmethod
    def _in_order(cls, tilts: tuple[float, float]) -> tuple[float, float]:
        if not 0 < tilts[0] <= tilts[1] < 90:
            raise ValueError("two tilts that do not fall, above 0 and below 90 degrees, are needed")
        return tilts


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Take away the frequencies that a series with a smaller range of tilts does not show."""
    if rng.random() >= settings.probability:
        return volume, picks
    steepest = np.tan(np.radians(rng.uniform(*settings.tilts)))
    at = frequencies(volume.shape, voxel_spacing=volume.voxel_spacing)
    seen = np.abs(at.z[:, None, None]) <= steepest * np.abs(at.x[None, None, :])
    seen |= at.z[:, None, None] == 0  # the mean, and all that every projection shows
    spectrum = np.fft.rfftn(volume.read())
    values = np.fft.irfftn(spectrum * seen, s=volume.shape, axes=(0, 1, 2)).astype(np.float32)
    return replace(volume, data=values), picks
