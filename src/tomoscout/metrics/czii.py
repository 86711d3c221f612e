"""The metric of the CZII CryoET Object Identification challenge (Kaggle, 2024).

A prediction hits every truth of its object within half the object's radius. A truth counts once
however many predictions hit it; predictions in excess are false alarms. Counts are summed over
runs, each object gets an F4 (recall matters most), and their mean by weight is the score. Use it
to compare with published numbers; ``one_to_one`` is the stricter reading of the same rules.

An object that no run of the truth has scores 0 and keeps its weight, whatever is predicted: a
subset of runs that lacks an object is scored lower than the whole. ``Result.absent`` names such
objects.

Peck, Yu, Schwartz et al., Nature Methods 22, 1819 (2025), doi:10.1038/s41592-025-02800-5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._result import BETA, REACH, Counts, Result
from tomoscout.metrics._runs import score_runs
from tomoscout.ops.match import within


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = CZII,
    beta: float = BETA,
    radius_fraction: float = REACH,
) -> Result:
    """Score picks as the challenge does.

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
    """Count distinct truths hit; the distance of a hit is that of its nearest prediction."""
    pairs = within(picks, truth, reach)
    nearest = np.full(len(truth), np.inf)
    np.minimum.at(nearest, pairs.second, pairs.distance)
    hits = nearest[np.isfinite(nearest)]
    return Counts(len(hits), len(picks) - len(hits), len(truth) - len(hits), hits)
