"""Thresholds without any truth: what a pick must be worth to pay, by the score that is expected.

Where F-beta stands at F, accepting one more candidate that is right with probability p raises it
as long as p is above F / (1 + β²): with β = 4 and a score of 0.78 that is 0.046, so a candidate
with a chance of 1 in 22 still pays. The rule holds for calibrated scores, those that are right as
often as they say. Scores of networks that are trained with heavy class weights promise too much;
take the threshold as a start, and ``tune`` on the first tomogram that has been annotated.

Lipton, Elkan and Naryanaswamy (2014), doi:10.1007/978-3-662-44851-9_15, prove it for β = 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from tomoscout.core.errors import UserError
from tomoscout.metrics import BETA


def expected_threshold(f_beta: float, *, beta: float = BETA) -> float:
    """Return the lowest probability that is worth a pick.

    Parameters
    ----------
    f_beta
        The score that is expected, above 0 and at most 1.
    beta
        How many times as much recall counts as precision.

    Raises
    ------
    UserError
        If the score is out of range.
    """
    if not 0 < f_beta <= 1:
        raise UserError(f"an expected score lies above 0 and at most at 1, found {f_beta:g}")
    return f_beta / (1 + beta**2)


def expected_thresholds(scores: Mapping[str, float], *, beta: float = BETA) -> dict[str, float]:
    """Return the threshold of each object, given the score that is expected of each."""
    return {name: expected_threshold(score, beta=beta) for name, score in scores.items()}
