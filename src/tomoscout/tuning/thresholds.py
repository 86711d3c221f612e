"""Find the threshold per object that scores best, exactly and in one pass.

Each truth turns from a miss into a hit at the score of the best prediction that reaches it, so
hits at every threshold follow from one sorted list of such scores, and predictions at every
threshold from another: all thresholds are scored at once, with the matching and the pooled counts
of the CZII metric. Give it the out-of-fold picks of all runs together, taken at a low threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics import BETA, REACH, paired
from tomoscout.ops.match import within
from tomoscout.tuning._sweep import Best, Sweep

__all__ = ["Best", "Sweep", "sweep"]


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
    runs = list(paired(picks, truth).values())
    for name in {name for pair in runs for side in pair for name in side.names}:
        objects[name]  # an unknown name raises here, with the nearest known one
    return {
        o.name: _sweep_object(
            [(found.of(o.name), known.of(o.name)) for found, known in runs],
            reach=o.radius * radius_fraction,
            name=o.name,
            beta=beta,
            default=default,
            floor=floor,
        )
        for o in objects.each()
    }


def _sweep_object(
    runs: list[tuple[Picks, Picks]],
    *,
    reach: float,
    name: str,
    beta: float,
    default: float,
    floor: float,
) -> Sweep:
    """Sweep one object, given (picks, truth) of it per run."""
    scores = np.concatenate([np.zeros(0), *(found.score_array for found, _ in runs)])
    found_at = np.concatenate([np.zeros(0), *(_found_at(*pair, reach) for pair in runs)])
    # Equal scores enter together: no threshold tells them apart.
    rising, count = np.unique(scores, return_counts=True)
    thresholds = rising[::-1]
    return Sweep(
        name=name,
        thresholds=thresholds,
        tp=len(found_at) - np.searchsorted(np.sort(found_at), thresholds),
        n_predicted=np.cumsum(count[::-1]),
        n_truth=len(found_at),
        beta=beta,
        default=default,
        floor=floor,
    )


def _found_at(found: Picks, known: Picks, reach: float) -> Float[np.ndarray, " n"]:
    """Score of the best prediction that hits each truth, -inf where none does."""
    pairs = within(found.zyx, known.zyx, reach)
    best = np.full(len(known), -np.inf)
    np.maximum.at(best, pairs.second, found.score_array[pairs.first])
    return best
