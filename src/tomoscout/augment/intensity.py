"""Stretch and shift the grey values of the crop.

Contrast and brightness differ between tilt series (ice, dose, reconstruction) even after
normalisation. Cheap; use it whenever training and use are different tomograms.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume

LABELS = "kept"


class Settings(BaseSettings):
    """Settings of stretching and shifting."""

    probability: float = Field(default=0.5, ge=0, le=1)
    """Chance of a change."""
    scale: float = Field(default=0.1, ge=0, lt=1)
    """Largest stretch, as a fraction: 0.1 multiplies by 0.9 to 1.1."""
    shift: float = Field(default=0.1, ge=0)
    """Largest shift, either way, in standard deviations of the tomogram."""


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Multiply by a factor near 1, then add a number near 0."""
    if rng.random() >= settings.probability:
        return volume, picks
    factor = 1 + rng.uniform(-settings.scale, settings.scale)
    values = volume.read() * np.float32(factor)
    values += np.float32(rng.uniform(-settings.shift, settings.shift))
    return replace(volume, data=values), picks
