"""Bend the grey values of the crop: a gamma curve between its darkest and brightest voxel.

Changes how dark dense particles are against the rest, which a stretch cannot. Choose it when
training and use differ in reconstruction or denoising; it costs a power per voxel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field, field_validator

from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume

LABELS = "kept"


class Settings(BaseSettings):
    """Settings of gamma curves."""

    probability: float = Field(default=0.3, ge=0, le=1)
    """Chance of a curve."""
    amount: float = Field(default=0.2, ge=0)
    """Strongest bend: 0.2 draws the exponent between 1/1.2 and 1.2."""
    exponents: tuple[float, float] | None = None
    """Lowest and highest exponent, drawn evenly, in place of ``amount``."""

    @field_validator("exponents")
    @classmethod
    def _in_order(cls, exponents: tuple[float, float] | None) -> tuple[float, float] | None:
        if exponents is not None and not 0 < exponents[0] <= exponents[1]:
            raise ValueError(f"two rising numbers above 0 are needed, found {exponents}")
        return exponents


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Bend the values; the darkest and the brightest stay, and so does the order."""
    if rng.random() >= settings.probability:
        return volume, picks
    if settings.exponents is None:
        limit = np.log1p(settings.amount)
        exponent = np.float32(np.exp(rng.uniform(-limit, limit)))
    else:
        exponent = np.float32(rng.uniform(*settings.exponents))
    values = volume.read()
    low, high = values.min(), values.max()
    if high > low:
        values = ((values - low) / (high - low)) ** exponent * (high - low) + low
    return replace(volume, data=values), picks
