"""Reverse axes: mirror images of the crop.

Free, and in the CZII challenge worth about 0.01 with small tilts. Molecules have a hand, so a
mirrored crop shows none that exist; at the resolution of a tomogram that does not matter to a
detector, but mirrored particles have no rotation and lose theirs.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tomoscout.augment._move import reposition
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume
from tomoscout.ops.symmetry import Symmetry

LABELS = "moved"


class Settings(BaseSettings):
    """Settings of flips."""

    probability: float = Field(default=0.5, ge=0, le=1)
    """Chance of each axis, on its own, to be reversed."""
    axes: tuple[Literal["z", "y", "x"], ...] = ("z", "y", "x")
    """Axes that may be reversed."""


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Reverse each allowed axis with the given chance."""
    drawn = rng.random(3) < settings.probability
    z, y, x = (bool(hit) and axis in settings.axes for hit, axis in zip(drawn, "zyx", strict=True))
    return reposition(volume, picks, Symmetry(flip=(z, y, x))) if z or y or x else (volume, picks)
