"""The card of an encoder's weights: what one must know to use them.

Beside the detectors' (``card``) it says how the encoder is built, which crops it takes, at which
voxel spacing, how grey values are normalised, and what it was trained on with which objective.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from tomoscout import __version__
from tomoscout.core.settings import Choice, Settings
from tomoscout.inference.card_file import ENCODER, read_settings
from tomoscout.ops.normalise import NormaliseSettings


class EncoderCard(Settings):
    """What one must know to use an encoder."""

    encoder: Choice
    """Encoder and its settings."""
    crop: tuple[int, int, int]
    """Voxels (z, y, x) of a crop."""
    slab: float = Field(default=0.0, ge=0)
    """How much along z each plane is averaged over first, in ångström; 0 takes planes as they
    are."""
    voxel_spacing: float = Field(gt=0)
    """Of the training tomograms, in ångström; others are resampled to it."""
    normalise: NormaliseSettings
    """How grey values were brought to one scale."""
    objective: Choice | None = None
    """What it was trained with; None for random weights."""
    trained_on: tuple[str, ...] = ()
    """Runs the weights were trained on."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """The whole recipe, for the record."""
    notes: str = ""
    """In plain words, what the weights have seen and what not, and what they are for."""
    version: str = __version__
    """Version of Tomoscout that wrote it."""


def read_encoder_card(path: Path) -> EncoderCard:
    """Read the card of an encoder's weights file.

    Raises
    ------
    UserError
        If the file is not weights of one of Tomoscout's encoders, or is cut short.
    """
    return read_settings(path, EncoderCard, key=ENCODER)
