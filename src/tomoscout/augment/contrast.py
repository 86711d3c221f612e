"""Stretch the grey values of the crop about their own mean.

A crop that is nearly all ice keeps its level so, and one full of protein does too: ``intensity``
stretches about the tomogram's mean instead, and shifts. ``clamp`` cuts off what leaves a range, as
programs made for photographs do; it loses whatever lay there, and is for comparisons with them.
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
    """Settings of stretching about the mean."""

    probability: float = Field(default=0.5, ge=0, le=1)
    """Chance of a change."""
    factors: tuple[float, float] = (0.7, 1.5)
    """Smallest and largest stretch; twice the same is always that."""
    clamp: tuple[float, float] | None = None
    """Grey values that stretched ones are cut off at, in standard deviations of the tomogram from
    its mean; None keeps all."""

    @field_validator("factors")
    @classmethod
    def _factors_in_order(cls, factors: tuple[float, float]) -> tuple[float, float]:
        if not 0 < factors[0] <= factors[1]:
            raise ValueError(f"two rising numbers above 0 are needed, found {factors}")
        return factors

    @field_validator("clamp")
    @classmethod
    def _clamp_in_order(cls, clamp: tuple[float, float] | None) -> tuple[float, float] | None:
        if clamp is not None and not clamp[0] < clamp[1]:
            raise ValueError(f"two rising grey values are needed, found {clamp}")
        return clamp


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Stretch by a factor as likely to be small as large, and cut off if that is asked for."""
    if rng.random() >= settings.probability:
        return volume, picks
    values = volume.read()
    mean = np.float32(values.mean(dtype=np.float64))
    factor = np.exp(rng.uniform(*np.log(settings.factors)))
    stretched = (values - mean) * np.float32(factor) + mean
    if settings.clamp is not None:
        np.clip(stretched, *map(np.float32, settings.clamp), out=stretched)
    return replace(volume, data=stretched), picks
