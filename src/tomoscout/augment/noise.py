"""Add white Gaussian noise.

Denoised tomograms are smooth in a way that depends on the denoiser; a little noise keeps the
network from leaning on it. It did not help the winners of the CZII challenge, whose training
and test data were denoised alike.
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
    """Settings of noise."""

    probability: float = Field(default=0.3, ge=0, le=1)
    """Chance of noise."""
    sigma: float = Field(default=0.1, ge=0)
    """Largest standard deviation of the noise, in standard deviations of the tomogram."""


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Add noise of a strength drawn evenly between nothing and the limit."""
    if rng.random() >= settings.probability:
        return volume, picks
    sigma = np.float32(rng.uniform(0, settings.sigma))
    values = rng.standard_normal(volume.shape, dtype=np.float32)
    values *= sigma
    values += volume.read()
    return replace(volume, data=values), picks
