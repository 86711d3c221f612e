"""Weights for use: a safetensors file whose header carries everything needed to use it.

Nothing is unpickled: tensors are plain, and the card is JSON. It says how the network is
built, which objects it finds, how grey values are normalised, at which voxel spacing, with
which thresholds, what it was trained on and how well it did.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from tomoscout import __version__
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice, Settings, validate
from tomoscout.io._atomic import atomic_path
from tomoscout.models import MODELS, Network
from tomoscout.ops.normalise import NormaliseSettings

FILE_NAME = "model.safetensors"
_KEY = "tomoscout"
_SHIPPED = Path(__file__).parent.parent / "weights"


class Card(Settings):
    """What one must know to use weights."""

    model: Choice
    """Network and its settings."""
    objects: tuple[dict[str, Any], ...]
    """Rows of the object table, in channel order."""
    activation: Literal["softmax", "sigmoid"]
    """From logits to probabilities; softmax has background as channel 0."""
    stride: int = Field(ge=1)
    """Voxels per cell of the score map."""
    voxel_spacing: float = Field(gt=0)
    """Of the training tomograms, in ångström; others are resampled to it."""
    normalise: NormaliseSettings
    """How grey values were brought to one scale."""
    patch: tuple[int, int, int]
    """Voxels of a training patch."""
    picker: Choice
    """How picks are drawn from score maps."""
    thresholds: dict[str, float] = Field(default_factory=dict)
    """Lowest score of a pick, per object."""
    tuned_on: tuple[str, ...] = ()
    """Runs the thresholds were found on."""
    score: dict[str, float] = Field(default_factory=dict)
    """Scores reached on validation runs; F-beta per object and ``weighted``."""
    trained_on: tuple[str, ...] = ()
    """Runs the weights were trained on."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """The whole recipe, for the record."""
    version: str = __version__
    """Version of Tomoscout that wrote it."""

    @property
    def object_table(self) -> ObjectTable:
        """The objects, in channel order."""
        return ObjectTable.model_validate({"objects": self.objects})


@dataclass(frozen=True)
class Detector:
    """A network ready to use, and its card."""

    network: Network
    card: Card
    source: str = "weights"

    @property
    def objects(self) -> ObjectTable:
        """The objects it finds."""
        return self.card.object_table

    def with_thresholds(self, thresholds: dict[str, float], runs: tuple[str, ...]) -> Detector:
        """Return the detector with other thresholds, found on ``runs``."""
        update = {"thresholds": thresholds, "tuned_on": runs}
        return replace(self, card=self.card.model_copy(update=update))


def build_network(card: Card) -> Network:
    """Build the card's network with random weights."""
    module, settings = card.model.resolve(MODELS)
    network: Network = module.build(settings, 1, out_channels(card.activation, card.objects))
    return network


def out_channels(activation: str, objects: Any) -> int:
    """Channels of a network: one per object, and background where probabilities share one sum."""
    return len(objects) + (activation == "softmax")


def save_detector(detector: Detector, path: Path) -> None:
    """Write weights and card into one file, which appears whole or not at all."""
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in detector.network.state_dict().items()
    }
    content = save(tensors, metadata={_KEY: detector.card.model_dump_json()})
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_bytes(content)  # not safetensors' own, which hides a full disk


def read_card(path: Path) -> Card:
    """Read the card of a weights file.

    Raises
    ------
    UserError
        If the file is not weights of Tomoscout, or is cut short.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: not a safetensors file, or cut short ({error}): copy it again, or give a "
            f"{FILE_NAME} that 'train' wrote; pickled weights are never opened"
        ) from error
    if text is None:
        raise UserError(f"{path}: no Tomoscout card in it; give a file that 'train' wrote")
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: its card is broken ({error}): copy the file again") from error
    return validate(Card, values, source=f"{path}: card of version unknown to this one")


def find_weights(model: str | Path) -> Path:
    """Return the weights file that a name, a training folder or a path stands for.

    Raises
    ------
    UserError
        If there is none; the message says what was looked for and which names are shipped.
    """
    path = Path(model)
    if path.is_dir():
        if not (path / FILE_NAME).is_file():
            raise UserError(f"{path}: no {FILE_NAME} in this folder; has its training finished?")
        return path / FILE_NAME
    if path.is_file():
        return path
    shipped = sorted(p.stem for p in _SHIPPED.glob("*.safetensors"))
    if str(model) in shipped:
        return _SHIPPED / f"{model}.safetensors"
    known = f"shipped weights: {', '.join(shipped)}" if shipped else "no weights are shipped yet"
    raise UserError(
        f"--model {model}: no such file or training folder ({known})."
        + did_you_mean(str(model), shipped)
    )


def fingerprint(detector: Detector) -> str:
    """Return a short text that differs for other weights, whatever the file is called."""
    digest = hashlib.sha256()
    for name, tensor in sorted(detector.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_detector(model: str | Path) -> Detector:
    """Load weights by name, file or training folder, ready for use on the CPU.

    Raises
    ------
    UserError
        If the weights are missing, broken, or do not fit the network their card describes.
    """
    path = find_weights(model)
    card = read_card(path)
    network = build_network(card)
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(
            f"{path}: tensors do not fit the card's network '{card.model.name}' ({reason[:120]}): "
            "copy the file again, or train anew"
        ) from error
    network = network.to(memory_format=torch.channels_last_3d)
    return Detector(network.eval(), card, str(path))
