"""Several weights that answer as one: which members count how much for which object.

An ensemble has the face of a `Detector`: a card, objects, a name. What is done with the members'
scores is said in ``blend``; ``stream`` does it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import ObjectTable
from tomoscout.inference.card import Card
from tomoscout.inference.download import Progress
from tomoscout.inference.members import choose_specialists, find_members, load_once
from tomoscout.inference.weights import Detector, load_detector
from tomoscout.inference.weights import fingerprint as fingerprint_of_one

Blend = Literal["probabilities", "logits", "ranks"]
"""How members' scores become one: their mean; their geometric mean, brought back to one with
background; or the mean after each has been given the first one's distribution."""

Strategy = Literal["mean", "specialists"]
"""Which weights are joined: all, or for each object those that score best on it."""

SAME_SPACING = 0.03
"""Networks are trained with larger changes of scale than this."""


@dataclass(frozen=True)
class Ensemble:
    """Networks ready to use as one, and the card they share.

    Attributes
    ----------
    members
        The networks.
    blend
        How their scores become one.
    shares
        For each object, one share per member; shares sum to one, and who does not know the object
        has none. ``join`` fills them in.
    card
        What one must know to use them; that of `merge_cards`, save what was tuned since.
    """

    members: tuple[Detector, ...]
    blend: Blend
    shares: Mapping[str, tuple[float, ...]]
    card: Card = field(repr=False)

    @property
    def objects(self) -> ObjectTable:
        """The objects it finds."""
        return self.card.object_table

    @property
    def name(self) -> str:
        """What people call it: the names of its members."""
        return "+".join(dict.fromkeys(member.name for member in self.members))

    @property
    def source(self) -> str:
        """Where the members came from."""
        return ", ".join(member.source for member in self.members)

    @property
    def is_joint(self) -> bool:
        """Whether all members share one sum of probabilities: same objects and a background."""
        names = {frozenset(member.objects.names) for member in self.members}
        return len(names) == 1 and all(m.card.activation == "softmax" for m in self.members)

    def with_thresholds(self, thresholds: dict[str, float], runs: tuple[str, ...]) -> Ensemble:
        """Return the ensemble with other thresholds, found on ``runs``."""
        update = {"thresholds": thresholds, "tuned_on": runs}
        return replace(self, card=self.card.model_copy(update=update))


def load_model(
    models: Sequence[str | Path] | str | Path | None = None,
    *,
    ensemble: Strategy = "mean",
    blend: Blend = "probabilities",
    shares: Mapping[str, Sequence[float]] | Sequence[float] | None = None,
    progress: Progress | None = None,
) -> Detector | Ensemble:
    """Load weights, or several that answer as one, ready for use on the CPU.

    Parameters
    ----------
    models
        Weights, each as ``find.find_weights`` takes them; the shipped ones when not given. A folder
        that ``crossval`` wrote stands for the networks of all its folds.
    ensemble
        ``mean`` joins all of them; ``specialists`` takes, for each object, those whose card tells
        the best score on it, among them the best per object that a training folder keeps.
    blend
        How the members' scores become one.
    shares
        How much each of ``models`` counts, for all objects or for each; equal when not given. The
        folds of one folder share alike.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If weights are missing or broken, do not go together, or none has a score to choose by.
    """
    given = [models] if models is None or isinstance(models, str | Path) else list(models)
    groups = [find_members(model, progress=progress) for model in given or [None]]
    if ensemble == "specialists":
        if shares is not None:
            raise UserError("shares: specialists have none to share: use them with 'mean'")
        chosen = choose_specialists([path for group in groups for path in group])
        members, owners = load_once(list(chosen.values()))
        if len(members) == 1:
            return members[0]
        per_object = {
            name: [float(owner == at) for at in range(len(members))]
            for name, owner in zip(chosen, owners, strict=True)
        }
        return join(members, blend=blend, shares=per_object)
    members = [load_detector(path) for group in groups for path in group]
    if len(members) == 1 and shares is None:
        return members[0]
    sizes = [len(group) for group in groups]
    if isinstance(shares, Mapping):
        spread = {name: _spread(part, sizes) for name, part in shares.items()}
        return join(members, blend=blend, shares=spread)
    return join(members, blend=blend, shares=None if shares is None else _spread(shares, sizes))


def join(
    members: Sequence[Detector],
    *,
    blend: Blend = "probabilities",
    shares: Mapping[str, Sequence[float]] | Sequence[float] | None = None,
) -> Ensemble:
    """Make an ensemble.

    Parameters
    ----------
    members
        The networks; they may differ in objects, stride, normalisation and activation.
    blend
        How their scores become one.
    shares
        How much each member counts, for all objects or for each; equal when not given. They are
        brought to a sum of one over the members that know the object.

    Raises
    ------
    UserError
        If members see tomograms at different voxel spacings, or the shares are none.
    """
    names = list(dict.fromkeys(name for member in members for name in member.objects.names))
    if isinstance(shares, Mapping):
        for name in shares:
            if name not in names:
                raise UserError(
                    f"shares of '{name}': the models find {', '.join(names)}."
                    + did_you_mean(name, names)
                )
        per_object = {name: shares.get(name) for name in names}
    else:
        per_object = dict.fromkeys(names, shares)
    settled = {name: _settle(members, name, given) for name, given in per_object.items()}
    return Ensemble(tuple(members), blend, settled, merge_cards(members))


def merge_cards(members: Sequence[Detector]) -> Card:
    """Return the card of networks used together.

    It has the finest stride, all objects in the order they are first named, for each the mean
    threshold of the members that know it, and otherwise what the first member's card says.

    Raises
    ------
    UserError
        If their voxel spacings differ by more than 3 %.
    """
    cards = [member.card for member in members]
    first = cards[0]
    for member in members[1:]:
        found = member.card.voxel_spacing
        if abs(found / first.voxel_spacing - 1) > SAME_SPACING:
            raise UserError(
                f"{member.source} was trained at {found:g} Å and {members[0].source} at "
                f"{first.voxel_spacing:g} Å per voxel, which one ensemble cannot see at once: pick "
                "with each and merge the picks"
            )
    objects = {row["name"]: row for card in reversed(cards) for row in card.objects}
    names = list(dict.fromkeys(row["name"] for card in cards for row in card.objects))
    thresholds = {
        name: sum(known) / len(known)
        for name in names
        if (known := [c.thresholds[name] for c in cards if name in c.thresholds])
    }
    update = {
        "objects": tuple(objects[name] for name in names),
        "stride": min(card.stride for card in cards),
        "thresholds": thresholds,
        "tuned_on": _union(card.tuned_on for card in cards),
        "trained_on": _union(card.trained_on for card in cards),
        "score": {},
        "origin": None,
        "recipe": {},
        "notes": f"{len(cards)} networks used as one.",
    }
    return first.model_copy(update=update)


def fingerprint(model: Detector | Ensemble) -> str:
    """Return a short text that differs for other weights, or another way of joining them."""
    if isinstance(model, Detector):
        return fingerprint_of_one(model)
    parts = {
        "members": [fingerprint_of_one(member) for member in model.members],
        "blend": model.blend,
        "shares": {name: list(shares) for name, shares in model.shares.items()},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _settle(
    members: Sequence[Detector], name: str, given: Sequence[float] | None
) -> tuple[float, ...]:
    """Bring the shares of one object to a sum of one over the members that know it."""
    given = [1.0] * len(members) if given is None else given
    if len(given) != len(members):
        raise UserError(f"{len(given)} shares for {len(members)} models: give one share per model")
    if not all(0 <= share < math.inf for share in given):
        raise UserError(f"shares {', '.join(f'{s:g}' for s in given)}: expected numbers from 0 on")
    known = [s * (name in m.objects.names) for s, m in zip(given, members, strict=True)]
    if not (total := sum(known)):
        raise UserError(f"shares: no model that knows '{name}' has a share above 0")
    return tuple(share / total for share in known)


def _spread(shares: Sequence[float], sizes: Sequence[int]) -> list[float]:
    """Deal the share of each folder out to its networks."""
    if len(shares) != len(sizes):
        raise UserError(f"{len(shares)} shares for {len(sizes)} models: give one share per model")
    return [share / size for share, size in zip(shares, sizes, strict=True) for _ in range(size)]


def _union(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return all names, in the order they are first seen."""
    return tuple(dict.fromkeys(name for part in parts for name in part))
