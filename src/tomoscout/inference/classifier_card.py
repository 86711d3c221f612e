"""The card of a classifier's weights: what one must know to use them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice
from tomoscout.inference.card import Origin
from tomoscout.inference.card_file import CLASSIFIER, read_settings
from tomoscout.inference.crop_card import CropCard


class ClassifierCard(CropCard):
    """What one must know to use a classifier."""

    classifier: Choice
    """Classifier and its settings."""
    objects: ObjectTable
    """What it tells apart, from class 1 on; class 0 is background."""
    lesson: Choice | None = None
    """What it was taught; None for random weights."""
    background: float = Field(default=0.0, ge=0, le=1)
    """Share of the training crops that were background."""
    score: dict[str, float] = Field(default_factory=dict)
    """On held-out runs: ``accuracy``, ``balanced`` and the recall of each class."""
    held_out: tuple[str, ...] = ()
    """Runs of the score."""
    origin: Origin | None = None
    """The encoder the training started from; None for random weights."""

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
