"""Candidates anywhere: places drawn evenly from the whole tomogram.

Nothing is looked at, so this is the control that other candidates must beat, and the choice where
candidates themselves may be what goes wrong: particles that are neither dark nor round.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tomoscout.candidates._found import as_picks
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume


class Settings(BaseSettings):
    """How many places are drawn."""

    count: int = Field(default=2000, gt=0)
    """Places per tomogram."""


def find(volume: Volume, *, settings: Settings, rng: np.random.Generator) -> Picks:
    """Draw places, each with the score 1.

    Parameters
    ----------
    volume
        Tomogram, of which no voxel is read.
    settings
        How many.
    rng
        Where they come from.
    """
    last = np.subtract(volume.shape, 1) * volume.voxel_spacing
    zyx = rng.random((settings.count, 3)) * last
    return as_picks(zyx, np.ones(settings.count), volume=volume)
