"""Several weights that answer as one: which members count how much for which object.

An ensemble has the face of a `Detector`: a card, objects, a name. What is done with the members'
scores is said in ``blending`` and ``rank_match``; ``stream`` does it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tomoscout.core import usual
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import ObjectTable
from tomoscout.core.parameters import Blend, Parameters, Strategy
from tomoscout.inference.card import Card
from tomoscout.inference.download import Progress
from tomoscout.inference.members import choose_specialists, find_members, load_once
from tomoscout.inference.merged_card import merge_cards
from tomoscout.inference.weights import Detector, load_detector

Shares = Mapping[str, Sequence[float]] | Sequence[float]


@dataclass(frozen=True)
class Ensemble:
    """Networks ready to use as one, and the card they share; ``join`` makes it.

    Attributes
    ----------
    members
        The networks.
    blend
        How their scores become one.
    shares
        For each object, one share per member; shares sum to one, and who does not know the object
        has none.
    card
        What one must know to use them.
    groups
        How many of the members, in their order, were given as one and share alike.
    """

    members: tuple[Detector, ...]
    blend: Blend
    shares: Mapping[str, tuple[float, ...]]
    card: Card = field(repr=False)
    groups: tuple[int, ...]

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

    @property
    def fingerprint(self) -> str:
        """A short text that differs for other weights, or another way of joining them."""
        parts = {
            "members": [member.fingerprint for member in self.members],
            "blend": self.blend,
            "shares": self.shares,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def with_thresholds(self, thresholds: dict[str, float], runs: tuple[str, ...]) -> Ensemble:
        """Return the ensemble with other thresholds, found on ``runs``."""
        return replace(self, card=self._face().with_thresholds(thresholds, runs).card)

    def with_parameters(self, parameters: Parameters) -> Ensemble:
        """Return the ensemble with parameters laid over its thresholds, pickers, blend and shares.

        Raises
        ------
        UserError
            If they do not fit its objects or its members.
        """
        tuned = self._face().with_parameters(parameters)
        changed = {
            name: _settle(self.members, name, _spread(shares, self.groups))
            for name, shares in parameters.shares.items()
        }
        blend = parameters.blend or self.blend
        return replace(self, card=tuned.card, blend=blend, shares={**self.shares, **changed})

    def _face(self) -> Detector:
        """Return a detector with the card of all, to do with the card what detectors do."""
        return Detector(self.members[0].network, self.card, self.source)


def load_model(
    models: Sequence[str | Path] | str | Path | None = None,
    *,
    ensemble: Strategy = usual.ENSEMBLE,
    blend: Blend = usual.BLEND,
    shares: Shares | None = None,
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
        the best score on it, also among the best per object that a training folder keeps.
    blend
        How the members' scores become one.
    shares
        How much each of ``models`` counts, for all objects or for each; the folds of one folder
        divide its share. All networks count alike when not given.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If weights are missing or broken, do not go together, or none has a score to choose by.
    """
    given = [models] if models is None or isinstance(models, str | Path) else list(models)
    groups = [find_members(model, progress=progress) for model in given or [None]]
    paths = [path for group in groups for path in group]
    if ensemble == "specialists":
        if shares is not None:
            raise UserError("shares: specialists have none to give: leave them out, or use 'mean'")
        return _specialists(paths, blend)
    members = [load_detector(path) for path in paths]
    joined = join(members, blend=blend, shares=shares, groups=[len(group) for group in groups])
    return joined if len(members) > 1 else members[0]


def join(
    members: Sequence[Detector],
    *,
    blend: Blend = usual.BLEND,
    shares: Shares | None = None,
    groups: Sequence[int] | None = None,
) -> Ensemble:
    """Make an ensemble.

    Parameters
    ----------
    members
        The networks; they may differ in objects, stride, normalisation and activation.
    blend
        How their scores become one.
    shares
        How much each group of members counts, for all objects or for each; they are brought to a
        sum of one over the members that know the object. All members alike when not given.
    groups
        How many members share what one share says; one each when not given.

    Raises
    ------
    UserError
        If members see tomograms at different voxel spacings, or the shares do not fit.
    """
    card = merge_cards(members)
    names = card.object_table.names
    for name in shares if isinstance(shares, Mapping) else ():
        if name not in names:
            raise UserError(
                f"shares of '{name}': the models find {', '.join(names)}."
                + did_you_mean(name, names)
            )
    each = shares if isinstance(shares, Mapping) else dict.fromkeys(names, shares)
    groups = tuple(groups or [1] * len(members))
    settled = {}
    for name in names:
        given = each.get(name)
        settled[name] = _settle(members, name, None if given is None else _spread(given, groups))
    return Ensemble(tuple(members), blend, settled, card, groups)


def _specialists(paths: Sequence[Path], blend: Blend) -> Detector | Ensemble:
    """Join those that are best at an object each."""
    chosen = choose_specialists(paths)
    members, owners = load_once(list(chosen.values()))
    if len(members) == 1:
        return members[0]
    shares = {
        name: [float(at == owner) for at in range(len(members))]
        for name, owner in zip(chosen, owners, strict=True)
    }
    return join(members, blend=blend, shares=shares)


def _spread(shares: Sequence[float], groups: Sequence[int]) -> list[float]:
    """Deal the share of each group out to its members."""
    if len(shares) != len(groups):
        raise UserError(f"{len(shares)} shares for {len(groups)} models: give one per model")
    if not all(0 <= share < math.inf for share in shares):
        found = ", ".join(f"{share:g}" for share in shares)
        raise UserError(f"shares {found}: expected numbers from 0 on")
    return [s / size for s, size in zip(shares, groups, strict=True) for _ in range(size)]


def _settle(
    members: Sequence[Detector], name: str, given: Sequence[float] | None
) -> tuple[float, ...]:
    """Bring the shares of one object to a sum of one over the members that know it."""
    given = [1.0] * len(members) if given is None else given
    known = [s * (name in m.objects.names) for s, m in zip(given, members, strict=True)]
    if not (total := sum(known)):
        raise UserError(f"shares: no model that knows '{name}' has a share above 0")
    return tuple(share / total for share in known)
