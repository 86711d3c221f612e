"""Strict matching: a prediction finds one truth at most, and a truth is found once.

The CZII metric lets one prediction stand for two truths. Here picks and truths are paired as an
assignment problem (Kuhn, 1955): the most pairs within reach, then the least total distance, so
counts are honest and no order of the picks matters. Choose it to compare methods; choose ``czii``
to compare with the challenge. The two differ only where hits overlap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._result import BETA, REACH, Counts, Result
from tomoscout.metrics._runs import score_runs
from tomoscout.ops import match


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = CZII,
    beta: float = BETA,
    radius_fraction: float = REACH,
) -> Result:
    """Score picks by the best one-to-one matching.

    Parameters
    ----------
    picks
        Predictions; scores are not used. Runs that the truth lacks are ignored.
    truth
        Annotated particles; runs without predictions count as missed.
    objects
        Radii and weights.
    beta
        How many times as much recall counts as precision.
    radius_fraction
        How far off a hit may be, as a fraction of the object's radius; the bound is included.

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    return score_runs(
        picks, truth, _count, objects=objects, beta=beta, radius_fraction=radius_fraction
    )


def _count(
    picks: Float[np.ndarray, "n 3"], truth: Float[np.ndarray, "m 3"], reach: float
) -> Counts:
    """Count the pairs of the best assignment."""
    pairs = match.one_to_one(picks, truth, reach)
    return Counts(len(pairs), len(picks) - len(pairs), len(truth) - len(pairs), pairs.distance)
