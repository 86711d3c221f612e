"""Weights for use: a safetensors file whose header carries everything needed to use it.

Nothing is unpickled: tensors are plain, and the card (``card``) is JSON. What a name or a URL
stands for is found by ``find``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tomoscout.core.activation import Activation, channel_names
from tomoscout.core.objects import ObjectTable
from tomoscout.core.parameters import Parameters
from tomoscout.inference.card import Card, read_card
from tomoscout.inference.card_file import DETECTOR, StoredType, write_tensors
from tomoscout.inference.download import Progress
from tomoscout.inference.find import FILE_NAME, find_weights
from tomoscout.inference.ready import Ready, put_to_use
from tomoscout.models import MODELS, Network
from tomoscout.ops.rarity import no_background
from tomoscout.ops.thin_maps import guard
from tomoscout.pickers import PICKERS

__all__ = [
    "FILE_NAME",
    "Card",
    "Detector",
    "build_network",
    "load_detector",
    "out_channels",
    "read_card",
    "save_detector",
]


@dataclass(frozen=True)
class Detector(Ready):
    """A network ready to use, and its card."""

    network: Network
    card: Card
    source: str = "weights"

    @property
    def objects(self) -> ObjectTable:
        """The objects it finds."""
        return self.card.object_table

    @property
    def is_joint(self) -> bool:
        """Whether the scores of all objects and of background share one sum of probabilities."""
        return self.card.activation == "softmax"

    def with_thresholds(self, thresholds: dict[str, float], runs: tuple[str, ...]) -> Detector:
        """Return the detector with other thresholds, found on ``runs``."""
        update = {"thresholds": thresholds, "tuned_on": runs}
        return replace(self, card=self.card.model_copy(update=update))

    def with_parameters(self, parameters: Parameters) -> Detector:
        """Return the detector with parameters laid over its thresholds and pickers.

        Raises
        ------
        UserError
            If they are for an object it does not find, or of a picker that there is not.
        """
        parameters.check_objects(self.objects.names, finder=self.source)
        for choice in parameters.pickers.values():
            choice.resolve(PICKERS)
        update: dict[str, Any] = {
            "thresholds": self.card.thresholds | parameters.thresholds,
            "pickers": self.card.pickers | parameters.pickers,
            "tuned_on": parameters.tuned_on,
        }
        if parameters.together is not None:
            update["together"] = parameters.together
        return replace(self, card=self.card.model_copy(update=update))


def build_network(card: Card) -> Network:
    """Build the card's network with random weights."""
    module, settings = card.model.resolve(MODELS)
    network = module.build(settings, 1, out_channels(card.activation, card.objects))
    guard(network)
    if card.activation != "softmax":
        no_background(network)
    built: Network = network
    return built


def out_channels(activation: Activation, objects: Any) -> int:
    """Channels of a network for these objects."""
    return len(channel_names(activation, [""] * len(objects)))


def save_detector(detector: Detector, path: Path, *, dtype: StoredType | None = None) -> None:
    """Write weights and card into one file, which appears whole or not at all.

    Parameters
    ----------
    detector
        What to write.
    path
        The file.
    dtype
        Number type of the stored tensors; the card's when not given. ``float16`` halves the file
        and changes scores by about a thousandth; ``bfloat16`` is for weights beyond its range.
        Norms and biases, a hundredth of the file, keep float32.

    Raises
    ------
    UserError
        If a weight is too large for the number type, or the file cannot be written.
    """
    card = detector.card.model_copy(update={"dtype": dtype or detector.card.dtype})
    tensors = detector.network.state_dict()
    write_tensors(tensors, path, card=card, key=DETECTOR, dtype=card.dtype)


def load_detector(model: str | Path | None = None, *, progress: Progress | None = None) -> Detector:
    """Load weights, ready for use on the CPU, in float32 however they are stored.

    Parameters
    ----------
    model
        A weights file, a training folder, a name, or a URL with its sha256; the shipped weights
        when not given. See ``find.find_weights``.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If the weights are missing, broken, or do not fit the network their card describes.
    """
    path = find_weights(model, progress=progress)
    card = read_card(path)
    network = build_network(card)
    put_to_use(network, path, name=card.model.name)
    return Detector(network, card, str(path))
