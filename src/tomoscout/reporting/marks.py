"""Marks: where the particles that a slice cuts lie in it, how large, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.reporting.outcomes import Outcome

AXES = "zyx"


@dataclass(frozen=True)
class Mark:
    """One particle on a view: where, how large, which object, and what became of it.

    Attributes
    ----------
    kind
        ``hit``, ``miss``, ``alarm``, or ``pick`` when there is no truth.
    name
        The object.
    score
        The pick's score; None for a missed particle.
    row, column, radius
        Centre and radius in pixels of the view.
    """

    kind: str
    name: str
    score: float | None
    row: float
    column: float
    radius: float


def marks_on(outcome: Outcome, objects: ObjectTable, axis: str, position: float) -> list[Mark]:
    """Return the marks on the plane at a position on the axis; lengths still in ångström."""
    marks: list[Mark] = []
    along = AXES.index(axis)
    row, column = (i for i in range(3) if i != along)
    kinds = ("hit" if outcome.judged else "pick", "alarm", "miss")
    parts: Sequence[Picks] = (outcome.hits, outcome.false_alarms, outcome.missed)
    for kind, picks in zip(kinds, parts, strict=True):
        centres, radii = centres_and_radii(picks, objects)
        squared = radii**2 - (centres[:, along] - position) ** 2
        for i in np.flatnonzero(squared > (0.3 * radii) ** 2):  # a mere graze is not worth a dot
            marks.append(
                Mark(
                    kind,
                    str(np.asarray(picks.objects)[i]),
                    None if kind == "miss" else float(picks.score_array[i]),
                    float(centres[i, row]),
                    float(centres[i, column]),
                    float(np.sqrt(squared[i])),
                )
            )
    return marks


def in_pixels(mark: Mark, voxel_spacing: float, bins: int) -> Mark:
    """Turn a mark in ångström into pixels of an image binned ``bins`` times."""

    def pixel(length: float) -> float:
        return (length / voxel_spacing - (bins - 1) / 2) / bins

    return Mark(
        mark.kind,
        mark.name,
        mark.score,
        pixel(mark.row),
        pixel(mark.column),
        mark.radius / voxel_spacing / bins,
    )


def centres_and_radii(
    picks: Picks, objects: ObjectTable
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
    """Return centres and the radii of their objects, in ångström."""
    known = {o.name: o.radius for o in objects.each()}
    return picks.zyx, np.array([known[str(n)] for n in np.asarray(picks.objects)], np.float64)
