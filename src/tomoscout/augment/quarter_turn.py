"""Turn by 90, 180 or 270 degrees in the xy plane.

Free and exact. The missing wedge turns along, so the network also sees wedges that the
microscope does not make; the winners of the CZII challenge turned all the same.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tomoscout.augment._move import reposition
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume
from tomoscout.ops.symmetry import QUARTER_TURNS


class Settings(BaseSettings):
    """Settings of quarter turns."""

    probability: float = Field(default=0.75, ge=0, le=1)
    """Chance of a turn; the default makes all four orientations equally likely."""


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Turn once, twice or thrice; a crop that is not square in xy turns by 180 degrees only."""
    if rng.random() >= settings.probability:
        return volume, picks
    turns = int(rng.integers(1, 4))
    square = volume.shape[1] == volume.shape[2]
    return reposition(volume, picks, QUARTER_TURNS[turns if square else 2])
