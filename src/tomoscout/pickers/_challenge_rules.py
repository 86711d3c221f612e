"""Discs linked by the rules of the challenge's YOLO entries, on slices of any distance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.ops.link import RULES, Boxes, LinkRule, link

_MADE_FOR = 10.0
"""Distance of the slices, in ångström, that the rules count boxes in."""


def first_score(name: str) -> float:
    """Lowest confidence of a box that a rule looks at."""
    return RULES[name].first_score


def link_discs(
    zyx: Float[np.ndarray, "n 3"],
    scores: Float[np.ndarray, " n"],
    *,
    rule: str,
    spacing: float,
    name: str,
    radius: float,
) -> Picks:
    """Link an object's discs into picks, best first.

    Parameters
    ----------
    zyx, scores
        Discs of all slices.
    rule
        Name of one of ``RULES``.
    spacing
        Distance of the slices, and edge of a cell in them, in ångström.
    name, radius
        The object's.
    """
    boxes = Boxes(zyx, np.full(len(zyx), name), scores, np.full(len(zyx), radius))
    alone = ObjectTable(objects=(ObjectType(name=name, radius=radius),))
    return link(boxes, objects=alone, rule=at_spacing(RULES[rule], spacing))


def at_spacing(rule: LinkRule, spacing: float) -> LinkRule:
    """Return what a rule for slices of 10 Å asks of slices that lie farther apart.

    Fewer slices cut a particle, so fewer boxes and less evidence are asked for; and cells are as
    wide as slices are apart, so boxes are less exact.
    """
    share = min(_MADE_FOR / spacing, 1.0)
    fewest = {name: max(1, round(n * share)) for name, n in rule.min_boxes_of.items()}
    evidence = share ** (1 - rule.exponent)
    return rule.model_copy(
        update={
            "lateral": max(rule.lateral, 1.5 * spacing),
            "axial": max(rule.axial, spacing),
            "min_boxes": max(1, round(rule.min_boxes * share)),
            "min_boxes_of": fewest,
            "min_evidence": {name: e * evidence for name, e in rule.min_evidence.items()},
        }
    )
