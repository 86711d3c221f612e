"""The card of weights: what one must know to use them, as JSON in the header of their file.

It says how the network is built, which objects it finds, how grey values are normalised, at
which voxel spacing, with which thresholds, what it was trained on and how well it did.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from tomoscout import __version__
from tomoscout.core.activation import Activation
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice, Settings, validate
from tomoscout.inference.card_file import DETECTOR, StoredType, read_settings
from tomoscout.ops.normalise import NormaliseSettings


class Origin(Settings):
    """The weights that a training started from."""

    name: str
    """What they are called."""
    fingerprint: str
    """What tells them from others of that name."""
    trained_on: tuple[str, ...] = ()
    """Runs they had seen."""


class Card(Settings):
    """What one must know to use weights."""

    model: Choice
    """Network and its settings."""
    objects: tuple[dict[str, Any], ...]
    """Rows of the object table, in channel order."""
    activation: Activation
    """From logits to probabilities, and what the channels are: see ``core.activation``."""
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
    pickers: dict[str, Choice] = Field(default_factory=dict)
    """How those of single objects are drawn, where another way was found better."""
    together: bool = False
    """Whether objects are sizes or kinds of one thing, and picked from one map, of which the
    thresholds are then: see ``inference.together``."""
    thresholds: dict[str, float] = Field(default_factory=dict)
    """Lowest score of a pick, per object."""
    tuned_on: tuple[str, ...] = ()
    """Runs the thresholds were found on."""
    score: dict[str, float] = Field(default_factory=dict)
    """Scores reached on validation runs; F-beta per object and ``weighted``."""
    trained_on: tuple[str, ...] = ()
    """Runs the weights were trained on."""
    origin: Origin | None = None
    """The weights the training started from; None for random ones."""
    notes: str = ""
    """In plain words, what the weights have seen and what not, and what they are for."""
    dtype: StoredType = "float32"
    """Number type the larger tensors are stored in; the network computes with float32 ones."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """The whole recipe, for the record."""
    version: str = __version__
    """Version of Tomoscout that wrote it."""

    @property
    def object_table(self) -> ObjectTable:
        """The objects, in channel order."""
        return ObjectTable.model_validate({"objects": self.objects})


def read_card(path: Path) -> Card:
    """Read the card of a weights file.

    Raises
    ------
    UserError
        If the file is not weights of one of Tomoscout's detectors, or is cut short.
    """
    card = read_settings(path, Card, key=DETECTOR)
    validate(ObjectTable, {"objects": card.objects}, source=f"{path}: its card")
    return card
