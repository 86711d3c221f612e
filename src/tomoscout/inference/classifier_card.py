"""The card of a classifier's weights: what one must know to use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from tomoscout import __version__
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice, Settings
from tomoscout.inference.card import Origin
from tomoscout.inference.card_file import CLASSIFIER, read_settings
from tomoscout.ops.normalise import NormaliseSettings


class ClassifierCard(Settings):
    """What one must know to use a classifier."""

    classifier: Choice
    """Classifier and its settings."""
    objects: ObjectTable
    """What it tells apart, from class 1 on; class 0 is background."""
    crop: tuple[int, int, int]
    """Voxels (z, y, x) of a crop."""
    slab: float = Field(default=0.0, ge=0)
    """How much along z each plane is averaged over first, in ångström; 0 takes planes as they
    are."""
    voxel_spacing: float = Field(gt=0)
    """Of the training tomograms, in ångström; others are resampled to it."""
    normalise: NormaliseSettings
    """How grey values were brought to one scale."""
    lesson: Choice | None = None
    """What it was taught; None for random weights."""
    background: float = Field(default=0.0, ge=0, le=1)
    """Share of the training crops that were background."""
    score: dict[str, float] = Field(default_factory=dict)
    """On held-out runs: ``accuracy``, ``balanced`` and the recall of each class."""
    held_out: tuple[str, ...] = ()
    """Runs of the score."""
    trained_on: tuple[str, ...] = ()
    """Runs the weights were trained on."""
    origin: Origin | None = None
    """The encoder the training started from; None for random weights."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """The whole recipe, for the record."""
    notes: str = ""
    """In plain words, what the weights have seen and what not, and what they are for."""
    version: str = __version__
    """Version of Tomoscout that wrote it."""

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the logits."""
        return ["background", *self.objects.names]


def read_classifier_card(path: Path) -> ClassifierCard:
    """Read the card of a classifier's weights file.

    Raises
    ------
    UserError
        If the file is not weights of one of Tomoscout's classifiers, or is cut short.
    """
    return read_settings(path, ClassifierCard, key=CLASSIFIER)
