"""Bend the grey values of the crop: a gamma curve between its darkest and brightest voxel.

Changes how dark dense particles are against the rest, which a stretch cannot. Choose it when
training and use differ in reconstruction or denoising; it costs a power per voxel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume


class Settings(BaseSettings):
    """Settings of gamma curves."""

    probability: float = Field(default=0.3, ge=0, le=1)
    """Chance of a curve."""
    amount: float = Field(default=0.2, ge=0)
    """Strongest bend: 0.2 draws the exponent between 1/1.2 and 1.2."""


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Bend the values; the darkest and the brightest stay, and so does the order."""
    if rng.random() >= settings.probability:
        return volume, picks
    limit = np.log1p(settings.amount)
    exponent = np.float32(np.exp(rng.uniform(-limit, limit)))
    values = volume.read()
    low, high = values.min(), values.max()
    if high > low:
        values = ((values - low) / (high - low)) ** exponent * (high - low) + low
    return replace(volume, data=values), picks
