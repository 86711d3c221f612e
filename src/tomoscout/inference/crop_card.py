"""What the cards of all networks for crops say, encoders and classifiers: what they are given."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tomoscout import __version__
from tomoscout.core.settings import Settings
from tomoscout.ops.normalise import NormaliseSettings


class CropCard(Settings):
    """Which crops a network takes, and how it was trained."""

    crop: tuple[int, int, int]
    """Voxels (z, y, x) of a crop."""
    slab: float = Field(default=0.0, ge=0)
    """How much along z each plane is averaged over first, in ångström; 0 takes planes as they
    are."""
    voxel_spacing: float = Field(gt=0)
    """Of the training tomograms, in ångström; others are resampled to it."""
    normalise: NormaliseSettings
    """How grey values were brought to one scale."""
    trained_on: tuple[str, ...] = ()
    """Runs the weights were trained on."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """The whole recipe, for the record."""
    notes: str = ""
    """In plain words, what the weights have seen and what not, and what they are for."""
    version: str = __version__
    """Version of Tomoscout that wrote it."""
