"""One card for networks that are used together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tomoscout.core.errors import UserError
from tomoscout.inference.card import Card
from tomoscout.inference.weights import Detector

SAME_SPACING = 0.03
"""Networks are trained with larger changes of scale than this."""


def merge_cards(members: Sequence[Detector]) -> Card:
    """Return the card of networks used together.

    It has the finest stride, all objects in the order they are first named, for each the mean
    threshold of the members that know it, and otherwise what the first member's card says. Objects
    are picked together only if every card says so.

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
    names = _union([row["name"] for row in card.objects] for card in cards)
    update = {
        "objects": tuple(objects[name] for name in names),
        "stride": min(card.stride for card in cards),
        "thresholds": {name: _mean(known) for name in names if (known := _known(cards, name))},
        "pickers": {name: c for card in reversed(cards) for name, c in card.pickers.items()},
        "tuned_on": _union(card.tuned_on for card in cards),
        "trained_on": _union(card.trained_on for card in cards),
        "together": all(card.together for card in cards),
        "score": {},
        "origin": None,
        "recipe": {},
        "notes": f"{len(cards)} networks used as one.",
    }
    return first.model_copy(update=update)


def _known(cards: Sequence[Card], name: str) -> list[float]:
    """Return the thresholds of one object."""
    return [card.thresholds[name] for card in cards if name in card.thresholds]


def _mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def _union(parts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return all names, in the order they are first seen."""
    return tuple(dict.fromkeys(name for part in parts for name in part))
