"""What is trained: the folds of an experiment, and which runs each of them knows.

Only cards and notes are read here, no network is built. A fold knows the runs it was trained on;
it was chosen on its held-out runs where the best weights were kept and not the last; and its
thresholds come from the runs they were tuned on. A run in the first two may not be scored with it,
one in the third not with these thresholds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice, read_yaml
from tomoscout.inference.card import Card, read_card
from tomoscout.inference.find import FILE_NAME, find_weights

FOLDS = "fold_*"
"""What ``crossval`` calls the folders of its trainings."""

SPECIALISTS = "specialists"
"""The folder, in that of a training, of the weights that are best at one object each."""


@dataclass(frozen=True)
class Member:
    """One fold, or a training by itself.

    Attributes
    ----------
    name
        The fold's; empty for a training by itself.
    path
        Training folder or weights file.
    fingerprint
        Differs for other weights, or weights used in another way.
    trained_on
        Runs it has learnt from, itself or the weights it started from.
    chosen_on
        Runs that decided which of its weights were kept; empty when the last were.
    validated_on
        Runs held out in its training.
    tuned_on
        Runs that its own thresholds come from.
    thresholds, pickers
        Its own; what they are is all that matters here.
    together
        Whether its objects are picked from one map.
    objects
        What it finds.
    kind
        Kind of tomogram it was trained on.
    specialists
        Fingerprint of the weights that are best at one object each; None where there are none.
    """

    name: str
    path: Path
    fingerprint: str
    trained_on: frozenset[str] = frozenset()
    chosen_on: frozenset[str] = frozenset()
    validated_on: frozenset[str] = frozenset()
    tuned_on: frozenset[str] = frozenset()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    pickers: str = ""
    together: bool = False
    objects: ObjectTable | None = None
    kind: str | None = None
    specialists: str | None = None


@dataclass(frozen=True)
class Experiment:
    """Folds that were trained alike.

    Attributes
    ----------
    name
        What it is called in the tables.
    members
        Its folds; one for a training by itself.
    is_crossval
        Whether it is the folder of a ``crossval``.
    unfinished
        Folds without weights.
    """

    name: str
    members: tuple[Member, ...]
    is_crossval: bool = False
    unfinished: tuple[str, ...] = ()


def read_experiment(name: str, where: str) -> Experiment:
    """Read what an experiment consists of.

    Parameters
    ----------
    name
        What it is called.
    where
        Folder of a ``crossval``, training folder, weights file, or name or URL of weights.

    Raises
    ------
    UserError
        If nothing of the kind is there, or a card is broken.
    """
    folders = sorted((f for f in Path(where).glob(FOLDS) if f.is_dir()), key=_by_number)
    if not folders:
        path = Path(where) if Path(where).exists() else find_weights(where)
        return Experiment(name, (_read_member("", path),))
    done = [folder for folder in folders if (folder / FILE_NAME).is_file()]
    if not done:
        raise UserError(f"{where}: none of its {len(folders)} folds has weights: train them first")
    return Experiment(
        name,
        tuple(_read_member(_title(folder), folder) for folder in done),
        is_crossval=True,
        unfinished=tuple(_title(folder) for folder in folders if folder not in done),
    )


def _read_member(name: str, path: Path) -> Member:
    """Read a fold from its card and from what its training noted."""
    weights = find_weights(path)
    card = read_card(weights)
    held_out = _held_out(weights.parent, card)
    experts = sorted((weights.parent / SPECIALISTS).glob("*.safetensors"))
    own = weights.name == FILE_NAME and bool(experts)
    return Member(
        name=name,
        path=path,
        fingerprint=_fingerprint(weights, card),
        trained_on=_trained_on(card),
        chosen_on=held_out if _was_chosen(card) else frozenset(),
        validated_on=held_out,
        tuned_on=frozenset(card.tuned_on),
        thresholds=dict(card.thresholds),
        pickers=_pickers(card),
        together=getattr(card, "together", False),
        objects=card.object_table,
        kind=card.recipe.get("kind"),
        specialists=_joined(experts, weights, card) if own else None,
    )


def _trained_on(card: Card) -> frozenset[str]:
    """Return the runs that weights have learnt from."""
    return frozenset(card.trained_on) | frozenset(card.origin.trained_on if card.origin else ())


def _held_out(folder: Path, card: Card) -> frozenset[str]:
    """Return the runs a training validated on: from its notes, which a new tuning leaves alone."""
    notes = folder / "recipe.yaml"
    if notes.is_file():
        return frozenset(map(str, read_yaml(notes).get("validation") or ()))
    return frozenset(card.tuned_on)


def _was_chosen(card: Card) -> bool:
    """Tell whether scores on the held-out runs decided over the weights."""
    training: Mapping[str, Any] = card.recipe.get("training") or {}
    return (
        training.get("keep", "best") == "best"
        or training.get("patience", 0) > 0
        or training.get("schedule") == "plateau"
    )


def _pickers(card: Card) -> str:
    """Return how the weights pick, as text."""
    own: Mapping[str, Choice] = getattr(card, "pickers", None) or {}
    each = {name: choice.model_dump(mode="json") for name, choice in sorted(own.items())}
    return json.dumps([card.picker.model_dump(mode="json"), each], sort_keys=True)


def _fingerprint(weights: Path, card: Card) -> str:
    """Return a text that depends on the tensors and on all that a score map depends on.

    Not on thresholds, which can be tuned anew without another map.
    """
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        tensors = hashlib.file_digest(file, "sha256").hexdigest()
    use = {"model", "objects", "activation", "stride", "voxel_spacing", "normalise", "patch"}
    facts = [header, tensors, card.model_dump(mode="json", include=use)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _joined(experts: list[Path], weights: Path, card: Card) -> str:
    """Return one fingerprint of several weights."""
    each = [_fingerprint(path, read_card(path)) for path in experts]
    names = [path.name for path in experts]
    text = json.dumps([names, each, _fingerprint(weights, card)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _title(folder: Path) -> str:
    """Return what a fold is called."""
    return folder.name.removeprefix("fold_")


def _by_number(folder: Path) -> list[tuple[int, str]]:
    """Sort ``fold_10`` after ``fold_9``."""
    parts = re.split(r"(\d+)", folder.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
