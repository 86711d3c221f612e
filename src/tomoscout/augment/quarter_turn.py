"""Turn by 90, 180 or 270 degrees: in the xy plane, or in others too.

Free and exact. The missing wedge turns along, so the network also sees wedges that the
microscope does not make; the winners of the CZII challenge turned all the same. Other planes lay
the beam on its side: only for tomograms whose wedge has been filled in.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tomoscout.augment._move import exchange, reposition
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume
from tomoscout.ops.symmetry import QUARTER_TURNS

LABELS = "moved"


class Settings(BaseSettings):
    """Settings of quarter turns."""

    probability: float = Field(default=0.75, ge=0, le=1)
    """Chance of a turn in each plane; the default makes its four orientations equally likely."""
    planes: tuple[Literal["yx", "zy", "zx"], ...] = ("yx",)
    """Planes of the turns, one after the other; ``yx`` turns about the beam."""


_AXES = {"yx": (0, 1, 2), "zy": (2, 0, 1), "zx": (1, 0, 2)}
"""Each plane's axes, put in the last two places."""


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Turn once, twice or thrice; a plane whose edges differ turns by 180 degrees only."""
    for plane in settings.planes:
        if rng.random() >= settings.probability:
            continue
        turns = int(rng.integers(1, 4))
        volume, picks = exchange(volume, picks, _AXES[plane])
        square = volume.shape[1] == volume.shape[2]
        volume, picks = reposition(volume, picks, QUARTER_TURNS[turns if square else 2])
        volume, picks = exchange(volume, picks, np.argsort(_AXES[plane]).tolist())
    return volume, picks
