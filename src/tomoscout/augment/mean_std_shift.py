"""Give the crop another mean and another spread.

Unlike `intensity`, the crop is stretched about its own mean, and how far things may go is drawn
anew each time: most crops change little, a few a great deal. Choose it where tomograms differ
more than normalisation can undo, as across reconstructions. It is the mean and standard deviation
shift of ETFinder, and of the challenge's 5th place.
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
    """Settings of another mean and spread."""

    probability: float = Field(default=0.5, ge=0, le=1)
    """Chance of a change."""
    amount: float = Field(default=0.5, ge=0, lt=1)
    """Largest change of all: the mean moves by up to this many standard deviations of the crop,
    and the standard deviation grows or shrinks by up to this share."""


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Draw a limit between nothing and the amount, then both changes within it."""
    if rng.random() >= settings.probability:
        return volume, picks
    limit = rng.uniform(0, settings.amount)
    shift, stretch = rng.uniform(-limit, limit, 2)
    values = volume.read()
    mean, std = values.mean(dtype=np.float64), values.std(dtype=np.float64)
    changed = values * np.float32(1 + stretch)
    changed += np.float32(shift * std - stretch * mean)
    return replace(volume, data=changed), picks
