"""Average precision: how well scores rank picks, over all thresholds and all runs.

By falling score every pick takes the nearest truth within reach that is still free; a pick that
finds none is a false alarm, and so is a second pick on a truth that a better one has. Precision
against recall over all picks of all runs gives one curve per object, and the area under it, as a
plain sum of steps, is the average precision (AP). It needs no threshold, so choose it to compare
detectors before tuning. Give it the picks from before thresholds: what was cut off counts as
never found.

The same matching tells whether scores are calibrated: see `Ranked.reliability`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._ranked import Ranked
from tomoscout.metrics._result import REACH
from tomoscout.metrics._runs import paired, rows_of
from tomoscout.ops.match import by_rank


@dataclass(frozen=True, eq=False)
class Ranking:
    """The scored picks of every object, over all runs.

    Attributes
    ----------
    of
        Picks by object name.
    objects
        The objects, with their weights.
    """

    of: Mapping[str, Ranked]
    objects: ObjectTable

    def __add__(self, other: Ranking) -> Ranking:
        if self.objects != other.objects:
            raise ValueError("rankings of different objects do not add up")
        both = {name: Ranked.join([one, other.of[name]]) for name, one in self.of.items()}
        return Ranking(both, self.objects)

    @property
    def average_precision(self) -> dict[str, float | None]:
        """AP per object; None for one without truths."""
        return {name: one.average_precision for name, one in self.of.items()}

    @property
    def weighted(self) -> float | None:
        """Mean AP by weight over the objects that have truths; None when none of weight has."""
        known = [
            (one.weight, ap)
            for one in self.objects.each()
            if (ap := self.of[one.name].average_precision) is not None
        ]
        total = sum(weight for weight, _ in known)
        return sum(weight * ap for weight, ap in known) / total if total else None

    def facts(self) -> dict[str, Any]:
        """Return AP and calibration, of each object and of all picks together, as plain values."""
        of_all = Ranked.join(self.of.values()).reliability()
        return {
            "weighted": self.weighted,
            "objects": self.average_precision,
            "picks": {name: len(one.scores) for name, one in self.of.items()},
            "calibration": None if of_all is None else of_all.facts(),
        }


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = CZII,
    radius_fraction: float = REACH,
) -> Ranking:
    """Rank the picks of all runs by score and tell hits from false alarms.

    Parameters
    ----------
    picks
        Scored predictions, best taken before thresholds. Runs that the truth lacks are ignored.
    truth
        Annotated particles; those of runs without predictions are never found.
    objects
        Radii and weights.
    radius_fraction
        How far off a hit may be, as a fraction of the object's radius; the bound is included.

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    parts: dict[str, list[Ranked]] = {name: [] for name in objects.names}
    for found, known in paired(picks, truth).values():
        # Ties are broken by place, so that the order in which picks and truths come is no matter.
        found = found[np.lexsort((*found.zyx.T[::-1], -found.score_array))]
        known = known[np.lexsort(known.zyx.T[::-1])]
        mine, true = rows_of(found, objects), rows_of(known, objects)
        for one in objects.each():
            rows, of_truth = mine[one.name], true[one.name]
            pairs = by_rank(found.zyx[rows], known.zyx[of_truth], one.radius * radius_fraction)
            is_hit = np.zeros(len(rows), bool)
            is_hit[pairs.first] = True
            parts[one.name].append(Ranked(found.score_array[rows], is_hit, len(of_truth)))
    return Ranking({name: Ranked.join(ranked) for name, ranked in parts.items()}, objects)
