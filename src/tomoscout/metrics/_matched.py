"""Picks and truths of a run as pairs: what the metrics that look at single errors start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._runs import labels_of, paired, rows_of
from tomoscout.ops.match import one_to_one


@dataclass(frozen=True, eq=False)
class Matched:
    """One run, its picks and truths paired one to one, each object by itself.

    Attributes
    ----------
    run
        Name of the run.
    picks, truth
        What was matched.
    called, true
        `(n,)` and `(m,)` place of each pick's and each truth's object in the table, from 0.
    finds
        `(n,)` row of the truth that a pick finds; -1 for a false alarm.
    found_by
        `(m,)` row of the pick that finds a truth; -1 for a missed one.
    """

    run: str
    picks: Picks
    truth: Picks
    called: Int[np.ndarray, " n"]
    true: Int[np.ndarray, " m"]
    finds: Int[np.ndarray, " n"]
    found_by: Int[np.ndarray, " m"]

    @property
    def is_alarm(self) -> Bool[np.ndarray, " n"]:
        """Which picks are false alarms."""
        return self.finds < 0

    @property
    def is_missed(self) -> Bool[np.ndarray, " m"]:
        """Which truths are missed."""
        return self.found_by < 0


def match_runs(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable,
    radius_fraction: float,
) -> list[Matched]:
    """Pair every run of the truth as ``one_to_one`` does, and keep who found whom.

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    return [
        _match(run, found, known, objects, radius_fraction)
        for run, (found, known) in paired(picks, truth).items()
    ]


def _match(
    run: str, found: Picks, known: Picks, objects: ObjectTable, radius_fraction: float
) -> Matched:
    """Pair one run."""
    finds, found_by = np.full(len(found), -1), np.full(len(known), -1)
    mine, true = rows_of(found, objects), rows_of(known, objects)
    for one in objects.each():
        of_picks, of_truth = mine[one.name], true[one.name]
        reach = one.radius * radius_fraction
        pairs = one_to_one(found.zyx[of_picks], known.zyx[of_truth], reach)
        finds[of_picks[pairs.first]] = of_truth[pairs.second]
        found_by[of_truth[pairs.second]] = of_picks[pairs.first]
    return Matched(
        run, found, known, labels_of(found, objects), labels_of(known, objects), finds, found_by
    )
