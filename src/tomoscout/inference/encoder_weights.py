"""Encoders for use: a safetensors file whose header carries everything needed to use one.

The same as ``weights`` is for detectors. What a name or a URL stands for is found by ``find``.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.settings import Choice
from tomoscout.encoders import ENCODERS, Encoder
from tomoscout.inference.at_places import check_crop
from tomoscout.inference.card_file import DETECTOR, ENCODER, kind_of, write_tensors
from tomoscout.inference.download import Progress
from tomoscout.inference.encoder_card import EncoderCard, read_encoder_card
from tomoscout.inference.find import ENCODER_FILE as FILE_NAME
from tomoscout.inference.find import find_in
from tomoscout.inference.ready import Ready, put_to_use
from tomoscout.inference.weights import Detector, load_detector, out_channels
from tomoscout.models import Encoding
from tomoscout.ops.crops import nearest_shape
from tomoscout.ops.precision import channels_last
from tomoscout.ops.thin_maps import guard

__all__ = [
    "FILE_NAME",
    "EncoderCard",
    "EncoderWeights",
    "build_encoder",
    "encoder_of",
    "load_encoder",
    "save_encoder",
]


_SEEN = 160.0  # ångström, of a crop before a detector: in more, a particle has neighbours


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
        or a URL with its sha256. See ``find.find_weights``. Of a detector the encoding half is
        taken, see `encoder_of`.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If the weights are missing, broken, a classifier's or those of a detector without deepest
        features, or do not fit the encoder their card describes.
    """
    path = find_in(model, FILE_NAME, progress=progress)
    if kind_of(path) == DETECTOR:
        return encoder_of(load_detector(path))
    card = read_encoder_card(path)
    network = build_encoder(card)
    put_to_use(network, path, name=card.encoder.name)
    return EncoderWeights(network, card, str(path))


def encoder_of(detector: Detector) -> EncoderWeights:
    """Return the encoding half of a detector, to compare crops by what it has learnt to see.

    Choose it where a detector that knows the kind of tomogram is there already: nothing has to be
    trained. One that taught itself groups crops about as well as a contrastive encoder does.

    Raises
    ------
    UserError
        If the detector's network has no deepest features.
    """
    known = detector.card
    settings = {
        "name": "detector",
        "model": known.model.model_dump(mode="json"),
        "channels": out_channels(known.activation, detector.objects),
    }
    if not isinstance(detector.network, Encoding):
        raise UserError(
            f"{detector.source}: a detector of '{known.model.name}', which has no deepest features "
            "to compare crops by: give another one, or an encoder"
        )
    card = EncoderCard(
        encoder=Choice.model_validate(settings),
        crop=_crop_for(detector),
        voxel_spacing=known.voxel_spacing,
        normalise=known.normalise,
        trained_on=known.trained_on,
        recipe={"kind": known.recipe.get("kind")},
        notes=f"The encoding half of a detector: {known.notes}".rstrip(": "),
    )
    network: Any = build_encoder(card)
    network.detector.load_state_dict(detector.network.state_dict())
    for unused in network.projector.parameters():  # else each has a fingerprint of its own
        torch.nn.init.zeros_(unused)
    network.eval()
    channels_last(network)
    return EncoderWeights(network, card, detector.source)


def _crop_for(detector: Detector) -> Shape:
    """Return the nearest crop to `_SEEN` that a detector's network can take."""
    network: Any = detector.network
    crop = nearest_shape(_SEEN / detector.card.voxel_spacing, network.divisor)
    ghost: Any = copy.deepcopy(network).to("meta")  # shapes alone: costs nothing
    try:
        ghost.encode(torch.zeros(1, 1, *crop, device="meta"))
    except ValueError:  # one cell alone is too little for some norms
        z, y, x = (n + d for n, d in zip(crop, network.divisor, strict=True))
        return z, y, x
    return crop
