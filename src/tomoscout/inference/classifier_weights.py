"""Classifiers for use: a safetensors file whose header carries everything needed to use one.

The same as ``weights`` is for detectors. What a name or a URL stands for is found by ``find``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tomoscout.classifiers import CLASSIFIERS, Classifier
from tomoscout.inference.at_places import check_crop
from tomoscout.inference.card_file import CLASSIFIER, write_tensors
from tomoscout.inference.classifier_card import ClassifierCard, read_classifier_card
from tomoscout.inference.download import Progress
from tomoscout.inference.find import CLASSIFIER_FILE as FILE_NAME
from tomoscout.inference.find import find_in
from tomoscout.inference.ready import Ready, put_to_use
from tomoscout.ops.thin_maps import guard

__all__ = [
    "FILE_NAME",
    "ClassifierCard",
    "ClassifierWeights",
    "build_classifier",
    "load_classifier",
    "save_classifier",
]


@dataclass(frozen=True)
class ClassifierWeights(Ready):
    """A classifier ready to use, and its card."""

    network: Classifier
    card: ClassifierCard
    source: str = "weights"


def build_classifier(card: ClassifierCard) -> Classifier:
    """Build the card's classifier with random weights.

    Raises
    ------
    UserError
        If the card's crops are not what the classifier takes.
    """
    module, settings = card.classifier.resolve(CLASSIFIERS)
    network = module.build(settings, len(card.classes))
    guard(network)
    built: Classifier = network
    check_crop(built, card.crop, name=card.classifier.name)
    return built


def save_classifier(classifier: ClassifierWeights, path: Path) -> None:
    """Write weights and card into one file, which appears whole or not at all.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    write_tensors(classifier.network.state_dict(), path, card=classifier.card, key=CLASSIFIER)


def load_classifier(model: str | Path, *, progress: Progress | None = None) -> ClassifierWeights:
    """Load a classifier, ready for use on the CPU.

    Parameters
    ----------
    model
        A weights file, the folder of a classifier's training, a name, or a URL with its sha256. See
        ``find.find_weights``.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If the weights are missing, broken, another kind's, or do not fit the classifier their card
        describes.
    """
    path = find_in(model, FILE_NAME, progress=progress)
    card = read_classifier_card(path)
    network = build_classifier(card)
    put_to_use(network, path, name=card.classifier.name)
    return ClassifierWeights(network, card, str(path))
