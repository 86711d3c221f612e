"""Rotate freely about z, and tilt a little about x and y.

Particles lie at any angle about the beam, so z is free. Tilts stay small: the missing wedge
and the flat ice know which way is up. It interpolates, which costs time (some 50 ms for a 96³
crop) and sharpness; quarter turns and flips are free.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import product

import numpy as np
from jaxtyping import Float
from pydantic import Field

from tomoscout.augment._move import grow_for, transform, trim
from tomoscout.core.geometry import Shape
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.core.volume import Volume

LABELS = "lost"


class Settings(BaseSettings):
    """Settings of rotations."""

    probability: float = Field(default=0.5, ge=0, le=1)
    """Chance of a rotation."""
    angle: float = Field(default=180.0, ge=0, le=180)
    """Largest angle about z, in degrees, either way."""
    tilt: float = Field(default=5.0, ge=0, le=45)
    """Largest angles about x and y, in degrees, either way."""


def apply(
    volume: Volume,
    picks: Picks,
    *,
    settings: Settings,
    rng: np.random.Generator,
    shape: Shape | None = None,
) -> tuple[Volume, Picks]:
    """Rotate about the centre, with angles drawn evenly, and return the central ``shape``."""
    if rng.random() >= settings.probability:
        return trim(volume, picks, shape or volume.shape)
    limits = np.array([settings.angle, settings.tilt, settings.tilt])
    matrix = _matrix(rng.uniform(-limits, limits))
    rotated, moved = transform(volume, picks, matrix, shape=shape)
    if picks.rotations is not None:
        # Reversing both axes of a matrix turns (z, y, x) vectors into (x, y, z) ones.
        moved = replace(moved, rotations=matrix[::-1, ::-1] @ picks.rotations)
    return rotated, moved


@lru_cache
def grow(shape: Shape, *, settings: Settings) -> Shape:
    """Return the crop that holds every rotation of ``shape``."""
    angles = np.linspace(0, settings.angle, 37)
    tilts = (-settings.tilt, settings.tilt)
    return grow_for(shape, [_matrix(np.array(a)) for a in product(angles, tilts, tilts)])


def _matrix(degrees: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """Tilt about x, then about y, then rotate about z; for (z, y, x) vectors."""
    (cz, cy, cx), (sz, sy, sx) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    about_z = np.array([[1, 0, 0], [0, cz, sz], [0, -sz, cz]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[cx, sx, 0], [-sx, cx, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
