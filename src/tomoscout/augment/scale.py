"""Enlarge or shrink the crop a little.

Makes up for magnifications that are a few percent off and for conformations that differ.
Keep it small: size is how many particles are told apart.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tomoscout.augment._move import grow_for, transform, trim
from tomoscout.core.geometry import Shape
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume

LABELS = "lost"


class Settings(BaseSettings):
    """Settings of scaling."""

    probability: float = Field(default=0.3, ge=0, le=1)
    """Chance of a change."""
    amount: float = Field(default=0.05, ge=0, lt=1)
    """Largest change, as a fraction: 0.05 scales by 0.95 to 1.05."""


def apply(
    volume: Volume,
    picks: Picks,
    *,
    settings: Settings,
    rng: np.random.Generator,
    shape: Shape | None = None,
) -> tuple[Volume, Picks]:
    """Scale about the centre, all axes alike, and return the central ``shape``."""
    if rng.random() >= settings.probability:
        return trim(volume, picks, shape or volume.shape)
    factor = 1 + rng.uniform(-settings.amount, settings.amount)
    return transform(volume, picks, np.eye(3) * factor, shape=shape)


def grow(shape: Shape, *, settings: Settings) -> Shape:
    """Return the crop that holds ``shape`` when it shrinks."""
    return grow_for(shape, [np.eye(3) * (1 - settings.amount)])
