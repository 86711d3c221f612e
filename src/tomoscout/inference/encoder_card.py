"""The card of an encoder's weights: what one must know to use them.

Beside the detectors' (``card``) it says how the encoder is built, which crops it takes, at which
voxel spacing, how grey values are normalised, and what it was trained on with which objective.
"""

from __future__ import annotations

from pathlib import Path

from tomoscout.core.settings import Choice
from tomoscout.inference.card_file import ENCODER, read_settings
from tomoscout.inference.crop_card import CropCard


class EncoderCard(CropCard):
    """What one must know to use an encoder."""

    encoder: Choice
    """Encoder and its settings."""
    objective: Choice | None = None
    """What it was trained with; None for random weights, and for the half of a detector."""


def read_encoder_card(path: Path) -> EncoderCard:
    """Read the card of an encoder's weights file.

    Raises
    ------
    UserError
        If the file is not weights of one of Tomoscout's encoders, or is cut short.
    """
    return read_settings(path, EncoderCard, key=ENCODER)
