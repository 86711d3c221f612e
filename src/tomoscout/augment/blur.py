"""Blur the crop a little.

Defocus, alignment and reconstruction differ between tilt series, and what is learnt should not hang
on the finest detail. It belongs to the views of contrastive learning; for a detector, whose picks
should be sharp, it is seldom worth it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field
from scipy import ndimage

from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume

LABELS = "kept"


class Settings(BaseSettings):
    """Settings of blurring."""

    probability: float = Field(default=0.5, ge=0, le=1)
    """Chance of a blur."""
    sigma: float = Field(default=15.0, gt=0)
    """Largest standard deviation of the Gaussian, in ångström."""


def apply(
    volume: Volume, picks: Picks, *, settings: Settings, rng: np.random.Generator
) -> tuple[Volume, Picks]:
    """Convolve with a Gaussian of a width drawn evenly between nothing and the limit."""
    if rng.random() >= settings.probability:
        return volume, picks
    sigma = rng.uniform(0, settings.sigma) / volume.voxel_spacing
    blurred = ndimage.gaussian_filter(volume.read(), sigma, mode="nearest", truncate=3.0)
    return replace(volume, data=blurred), picks
