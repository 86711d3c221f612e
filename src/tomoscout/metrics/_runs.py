"""Pair predictions and truth by run, and count object by object: shared by every metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks, by_run
from tomoscout.metrics._result import Counts, Result

Points = Float[np.ndarray, "n 3"]
CountPoints = Callable[[Points, Points, float], Counts]


def paired(
    picks: Sequence[Picks] | Picks, truth: Sequence[Picks] | Picks
) -> dict[str, tuple[Picks, Picks]]:
    """Return (picks, truth) of every run of the truth, keyed by run.

    Runs that only the picks have are left out; a run that only the truth has gets empty picks.
    When each side is one ``Picks`` and one of them names no run, they belong together.
    """
    if isinstance(picks, Picks) and isinstance(truth, Picks) and not (picks.run and truth.run):
        run = truth.run or picks.run
        picks, truth = replace(picks, run=run), replace(truth, run=run)
    found = by_run([picks] if isinstance(picks, Picks) else picks)
    known = by_run([truth] if isinstance(truth, Picks) else truth)
    return {run: (found.get(run, Picks.empty(run)), points) for run, points in known.items()}


def rows_of(picks: Picks, objects: ObjectTable) -> dict[str, Int[np.ndarray, " n"]]:
    """Return the rows of every object of the table, in their order.

    Raises
    ------
    UserError
        If a pick has a name that the table lacks.
    """
    names = np.asarray(picks.objects)
    rows = {name: np.flatnonzero(names == name) for name in objects.names}
    if sum(map(len, rows.values())) < len(picks):
        for name in picks.names:
            objects[name]  # an unknown name raises here, with the nearest known one
    return rows


def labels_of(picks: Picks, objects: ObjectTable) -> Int[np.ndarray, " n"]:
    """Return the place of each pick's object in the table, from 0.

    Raises
    ------
    UserError
        If a pick has a name that the table lacks.
    """
    labels = np.zeros(len(picks), np.intp)
    for place, rows in enumerate(rows_of(picks, objects).values()):
        labels[rows] = place
    return labels


def score_runs(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    count: CountPoints,
    *,
    objects: ObjectTable,
    beta: float,
    radius_fraction: float,
) -> Result:
    """Count every object of every run with ``count(picks, truth, reach in ångström)``."""
    reach = {o.name: o.radius * radius_fraction for o in objects.each()}
    runs = {}
    for run, (found, known) in paired(picks, truth).items():
        mine, true = rows_of(found, objects), rows_of(known, objects)
        runs[run] = {
            name: count(found.zyx[mine[name]], known.zyx[true[name]], reach[name])
            for name in objects.names
        }
    return Result(runs, objects, beta)
