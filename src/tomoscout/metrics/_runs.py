"""Pair predictions and truth by run, and count object by object: shared by every metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

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
    runs = {}
    for run, (found, known) in paired(picks, truth).items():
        for name in {*found.names, *known.names}:
            objects[name]  # an unknown name raises here, with the nearest known one
        runs[run] = {
            o.name: count(found.of(o.name).zyx, known.of(o.name).zyx, o.radius * radius_fraction)
            for o in objects.each()
        }
    return Result(runs, objects, beta)
