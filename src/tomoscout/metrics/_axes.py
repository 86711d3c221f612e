"""Whether picks would fit the truth with their axes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._result import REACH
from tomoscout.metrics._runs import paired, rows_of
from tomoscout.ops.match import within

LEAST = 10
"""So many hits more than in the order as given, and twice as many, are no chance."""


def likely_axes(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable,
    radius_fraction: float = REACH,
) -> str:
    """Return the order of axes in which the picks hit most, such as ``xyz``; ``zyx`` as given.

    Positions written as (x, y, z) where (z, y, x) was meant hit next to nothing; in the right
    order they do.

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    runs = list(paired(picks, truth).values())
    hits = {}
    for order in permutations(range(3)):
        turned = [(replace(found, zyx=found.zyx[:, list(order)]), known) for found, known in runs]
        count = sum(_hits(found, known, objects, radius_fraction) for found, known in turned)
        hits["".join("zyx"[axis] for axis in order)] = count
    best = max(hits, key=hits.__getitem__)
    return best if hits[best] >= max(2 * hits["zyx"], hits["zyx"] + LEAST) else "zyx"


def _hits(found: Picks, known: Picks, objects: ObjectTable, radius_fraction: float) -> int:
    """Count pairs in reach."""
    mine, true = rows_of(found, objects), rows_of(known, objects)
    return sum(
        len(within(found.zyx[mine[o.name]], known.zyx[true[o.name]], o.radius * radius_fraction))
        for o in objects.each()
    )
