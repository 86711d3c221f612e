"""Which object is taken for which: what a missed particle was called, what an alarm sits on.

Hits are those of ``one_to_one``. What is left, missed particles and false alarms of other
objects, is paired once more, by the same rule: an alarm within reach of a missed particle is that
particle by the wrong name. An alarm within reach of a particle that has its pick already is a
second pick on it; any other sits on nothing. So every particle stands in one row, every pick in
one column, and sums of rows and columns are the particles and the picks.

Choose it when precision is low: alarms on nothing ask for a higher threshold, alarms on another
object for a better network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._matched import Matched, match_runs
from tomoscout.metrics._result import REACH
from tomoscout.ops.match import Pairs, assign, within_each

SECOND, NOTHING, MISSED = "second pick", "nothing", "missed"
"""The rows below the objects, and the column after them."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """Particles and picks, sorted by what they are and what they are called.

    Attributes
    ----------
    names
        The ``k`` objects, in the order of rows and columns.
    called
        `(k, k)` particles of the row's object that were called the column's; hits on the
        diagonal.
    missed
        `(k,)` particles without any pick on them.
    second
        `(k, k)` picks called the column's object on particles of the row's that have their pick
        already; duplicates on the diagonal.
    nothing
        `(k,)` picks of each object that sit on no particle.
    """

    names: tuple[str, ...]
    called: Int[np.ndarray, "k k"]
    missed: Int[np.ndarray, " k"]
    second: Int[np.ndarray, "k k"]
    nothing: Int[np.ndarray, " k"]

    def __add__(self, other: Confusion) -> Confusion:
        if self.names != other.names:
            raise ValueError("confusions of different objects do not add up")
        return Confusion(
            self.names,
            self.called + other.called,
            self.missed + other.missed,
            self.second + other.second,
            self.nothing + other.nothing,
        )

    @property
    def rows(self) -> tuple[str, ...]:
        """What the rows of the table are: the objects, second picks, and nothing."""
        return (*self.names, SECOND, NOTHING)

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns of the table are: the objects, and missed."""
        return (*self.names, MISSED)

    @property
    def table(self) -> Int[np.ndarray, "rows columns"]:
        """All of it as one table; no particle is both absent and missed, so a corner is 0."""
        below = np.stack([self.second.sum(axis=0), self.nothing])
        right = np.concatenate([self.missed, [0, 0]])
        return np.column_stack([np.concatenate([self.called, below]), right])

    def facts(self) -> dict[str, Any]:
        """Return the table, and on whose particles the second picks sit, as plain lists."""
        return {
            "rows": list(self.rows),
            "columns": list(self.columns),
            "counts": self.table.tolist(),
            "second_picks": self.second.tolist(),
        }


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = CZII,
    radius_fraction: float = REACH,
) -> Confusion:
    """Count what particles were called.

    Parameters
    ----------
    picks
        Predictions; scores are not used. Runs that the truth lacks are ignored.
    truth
        Annotated particles.
    objects
        Radii.
    radius_fraction
        A pick sits on a particle when it is no farther off than this fraction of the particle's
        radius, whatever the pick is called.

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    matched = match_runs(picks, truth, objects=objects, radius_fraction=radius_fraction)
    return measure(matched, objects=objects, radius_fraction=radius_fraction)


def measure(
    matched: Sequence[Matched], *, objects: ObjectTable, radius_fraction: float = REACH
) -> Confusion:
    """Count runs that are matched already."""
    k = len(objects)
    total = Confusion(
        tuple(objects.names),
        np.zeros((k, k), int),
        np.zeros(k, int),
        np.zeros((k, k), int),
        np.zeros(k, int),
    )
    reach = np.array([one.radius for one in objects.each()]) * radius_fraction
    for run in matched:
        _add_run(total, run, reach)
    return total


def _add_run(total: Confusion, run: Matched, reach: np.ndarray) -> None:
    """Count one run."""
    alarms, found = np.flatnonzero(run.is_alarm), ~run.is_missed
    near = _reached(run, alarms, reach)
    # Within one object no alarm reaches a missed particle: they would have been paired.
    wrong = assign(near[run.is_missed[near.second]])
    np.add.at(total.called, (run.true[found], run.true[found]), 1)
    np.add.at(total.called, (run.true[wrong.second], run.called[wrong.first]), 1)
    lost = run.is_missed.copy()
    lost[wrong.second] = False
    np.add.at(total.missed, run.true[lost], 1)
    rest = np.setdiff1d(alarms, wrong.first)
    beside = near[np.isin(near.first, rest)]
    nearest = beside[np.lexsort((beside.second, beside.distance, beside.first))]
    seconds, where = np.unique(nearest.first, return_index=True)
    np.add.at(total.second, (run.true[nearest.second[where]], run.called[seconds]), 1)
    np.add.at(total.nothing, run.called[np.setdiff1d(rest, seconds)], 1)


def _reached(run: Matched, alarms: Int[np.ndarray, " a"], reach: np.ndarray) -> Pairs:
    """List alarms and the particles, of any object, in whose reach they lie; rows of the run."""
    near = within_each(run.picks.zyx[alarms], run.truth.zyx, reach[run.true])
    return Pairs(alarms[near.first], near.second, near.distance)
