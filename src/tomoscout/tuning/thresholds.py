"""Find the threshold per object that scores best, exactly and in one pass.

Each truth turns from a miss into a hit at the score of the best prediction that reaches it, so
hits at every threshold follow from one sorted list of such scores, and predictions at every
threshold from another: all thresholds are scored at once, with the matching and the pooled counts
of the CZII metric. Give it the out-of-fold picks of all runs together, taken at a low threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.metrics import BETA, REACH, paired
from tomoscout.tuning._reach import best_within
from tomoscout.tuning._sweep import Best, Sweep

__all__ = ["Best", "Sweep", "sweep"]


class Points(NamedTuple):
    """Picks of one object and run."""

    zyx: Float[np.ndarray, "n 3"]
    scores: Float[np.ndarray, " n"]


def sweep(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable,
    beta: float = BETA,
    radius_fraction: float = REACH,
    default: float = 0.5,
    floor: float = 0.0,
) -> dict[str, Sweep]:
    """Score every threshold of every object, over all runs of the truth together.

    Parameters
    ----------
    picks
        Scored predictions, taken at a threshold low enough to leave a choice. Runs that the
        truth lacks are ignored.
    truth
        Annotated particles; a run without predictions counts as missed.
    objects
        The objects, each of which gets a sweep.
    beta
        How many times as much recall counts as precision.
    radius_fraction
        How far off a hit may be, as a fraction of the object's radius.
    default
        Threshold of an object that cannot be tuned.
    floor
        Threshold that the predictions were picked with.

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    pairs = list(paired(picks, truth).values())

    def apart(pair: tuple[Picks, Picks]) -> tuple[dict[str, Points], dict[str, Points]]:
        return _apart(pair[0], objects), _apart(pair[1], objects)

    def one(entry: ObjectType) -> Sweep:
        return _sweep_object(
            [(found[entry.name], known[entry.name]) for found, known in runs],
            reach=entry.radius * radius_fraction,
            name=entry.name,
            beta=beta,
            default=default,
            floor=floor,
        )

    with ThreadPoolExecutor(2) as pool:  # sorting and matching let go of the interpreter
        runs = list(pool.map(apart, pairs))
        return dict(zip(objects.names, pool.map(one, objects.each()), strict=True))


def _apart(picks: Picks, objects: ObjectTable) -> dict[str, Points]:
    """Return centres and scores of each object; a name that the table lacks raises.

    Comparing the names object by object is several times as fast as sorting the picks by name.
    """
    names = np.asarray(picks.objects)
    rows = {entry.name: names == entry.name for entry in objects.each()}
    if sum(np.count_nonzero(mine) for mine in rows.values()) < len(picks):
        for name in picks.names:
            objects[name]  # raises at the unknown one, with the nearest known
    return {name: Points(picks.zyx[mine], picks.score_array[mine]) for name, mine in rows.items()}


def _sweep_object(
    runs: list[tuple[Points, Points]],
    *,
    reach: float,
    name: str,
    beta: float,
    default: float,
    floor: float,
) -> Sweep:
    """Sweep one object, given (picks, truth) of it per run."""
    scores = np.concatenate([np.zeros(0), *(found.scores for found, _ in runs)])
    found_at = np.concatenate(
        [np.zeros(0), *(best_within(*found, known.zyx, reach) for found, known in runs)]
    )
    # Equal scores enter together: no threshold tells them apart.
    rising, count = np.unique(scores, return_counts=True)
    hits = np.searchsorted(rising, found_at[found_at > -np.inf])
    return Sweep(
        name=name,
        thresholds=rising[::-1],
        tp=np.cumsum(np.bincount(hits, minlength=len(rising))[::-1]),
        n_predicted=np.cumsum(count[::-1]),
        n_truth=len(found_at),
        beta=beta,
        default=default,
        floor=floor,
    )
