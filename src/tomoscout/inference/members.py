"""Which weights an ensemble is made of: those of all folds, or the best for each object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tomoscout.core.errors import UserError
from tomoscout.inference.card import read_card
from tomoscout.inference.download import Progress
from tomoscout.inference.find import FILE_NAME, find_weights
from tomoscout.inference.weights import Detector, load_detector

SPECIALISTS = "specialists"
"""Folder beside a training's weights that holds those that score best on one object each."""


def find_members(model: str | Path | None, *, progress: Progress | None = None) -> list[Path]:
    """Return the weights that something stands for: one file, or one per fold.

    Parameters
    ----------
    model
        As for ``find.find_weights``, or a folder that ``crossval`` wrote.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If there are none, or a fold is not done.
    """
    folder = None if model is None else Path(model)
    if folder is not None and folder.is_dir() and not (folder / FILE_NAME).is_file():
        folds = sorted(path for path in folder.glob("fold_*") if path.is_dir())
        for fold in folds:
            if not (fold / FILE_NAME).is_file():
                raise UserError(
                    f"{fold}: no {FILE_NAME} in it: finish this fold with 'crossval', or name the "
                    "folds to use"
                )
        if folds:
            return [fold / FILE_NAME for fold in folds]
    return [find_weights(model, progress=progress)]


def choose_specialists(weights: Sequence[Path]) -> dict[str, Path]:
    """Return for each object the weights whose card tells the best score on it.

    Parameters
    ----------
    weights
        Files to choose from, and with them the specialists that lie beside them. Earlier ones win
        ties.

    Raises
    ------
    UserError
        If there is a choice, and no card tells a score on an object.
    """
    files = [found for path in weights for found in (path, *_beside(path))]
    cards = {path: read_card(path) for path in dict.fromkeys(files)}
    chosen = {}
    for name in dict.fromkeys(name for card in cards.values() for name in card.object_table.names):
        known = {p: c.score.get(name) for p, c in cards.items() if name in c.object_table.names}
        scored = {path: score for path, score in known.items() if score is not None}
        if not scored and len(known) > 1:
            raise UserError(
                f"no weights tell how well they find '{name}', so that none is its specialist: "
                "train with validation runs, or use the mean of all"
            )
        chosen[name] = max(scored, key=lambda path: scored[path]) if scored else next(iter(known))
    return chosen


def load_once(weights: Sequence[Path]) -> tuple[list[Detector], list[int]]:
    """Load each network once, however many files hold it; say which one each file is."""
    members: dict[str, Detector] = {}
    owners: dict[Path, str] = {}
    for path in dict.fromkeys(weights):
        detector = load_detector(path)
        owners[path] = detector.fingerprint
        members.setdefault(owners[path], detector)
    order = list(members)
    return list(members.values()), [order.index(owners[path]) for path in weights]


def _beside(path: Path) -> list[Path]:
    """Return the specialists of a training folder."""
    folder = path.parent / SPECIALISTS
    return sorted(folder.glob("*.safetensors")) if path.name == FILE_NAME else []
