"""Encoders for use: a safetensors file whose header carries everything needed to use one.

The same as ``weights`` is for detectors. What a name or a URL stands for is found by ``find``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tomoscout.encoders import ENCODERS, Encoder
from tomoscout.inference.at_places import check_crop
from tomoscout.inference.card_file import ENCODER, write_tensors
from tomoscout.inference.download import Progress
from tomoscout.inference.encoder_card import EncoderCard, read_encoder_card
from tomoscout.inference.find import ENCODER_FILE as FILE_NAME
from tomoscout.inference.find import find_in
from tomoscout.inference.ready import Ready, put_to_use
from tomoscout.ops.thin_maps import guard

__all__ = [
    "FILE_NAME",
    "EncoderCard",
    "EncoderWeights",
    "build_encoder",
    "load_encoder",
    "save_encoder",
]


@dataclass(frozen=True)
class EncoderWeights(Ready):
    """An encoder ready to use, and its card."""

    network: Encoder
    card: EncoderCard
    source: str = "weights"


def build_encoder(card: EncoderCard) -> Encoder:
    """Build the card's encoder with random weights.

    Raises
    ------
    UserError
        If the card's crops are not what the encoder takes.
    """
    module, settings = card.encoder.resolve(ENCODERS)
    network = module.build(settings)
    guard(network)
    built: Encoder = network
    check_crop(built, card.crop, name=card.encoder.name)
    return built


def save_encoder(encoder: EncoderWeights, path: Path) -> None:
    """Write weights and card into one file, which appears whole or not at all.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    write_tensors(encoder.network.state_dict(), path, card=encoder.card, key=ENCODER)


def load_encoder(model: str | Path, *, progress: Progress | None = None) -> EncoderWeights:
    """Load an encoder, ready for use on the CPU.

    Parameters
    ----------
    model
        A weights file, the folder of an encoder's training or one with it in ``encoder``, a name,
        or a URL with its sha256. See ``find.find_weights``.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If the weights are missing, broken, a detector's, or do not fit the encoder their card
        describes.
    """
    path = find_in(model, FILE_NAME, progress=progress)
    card = read_encoder_card(path)
    network = build_encoder(card)
    put_to_use(network, path, name=card.encoder.name)
    return EncoderWeights(network, card, str(path))
