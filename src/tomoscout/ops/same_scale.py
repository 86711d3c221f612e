"""Scores of different methods brought to one scale by their ranks.

What one method calls 0.9 another calls 0.3; but if both look for the same particles, the k-th best
pick of each is about as likely to be one. So the k-th best picks get the mean of the methods' k-th
best scores (quantile normalisation: Bolstad et al., 2003, doi:10.1093/bioinformatics/19.2.185),
counted from the best because methods differ in how many poor ones they tell. The order of picks
within a method stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def same_scale(methods: Sequence[Float[np.ndarray, " _"]]) -> list[Float[np.ndarray, " _"]]:
    """Return scores by rank; equal scores of a method stay equal.

    Parameters
    ----------
    methods
        All scores that each method gave to one object, over all runs, from 0 on. Where a method has
        no k-th best, 0 stands for it.
    """
    longest = max((len(scores) for scores in methods), default=0)
    curve = np.zeros(longest)
    for scores in methods:
        curve[: len(scores)] += np.sort(scores)[::-1]
    curve /= max(len(methods), 1)
    return [_by_rank(np.asarray(scores, np.float64), curve) for scores in methods]


def _by_rank(
    scores: Float[np.ndarray, " n"], curve: Float[np.ndarray, " k"]
) -> Float[np.ndarray, " n"]:
    """Give each score the curve's value at its rank, and ties the mean over theirs."""
    _, tied, count = np.unique(-scores, return_inverse=True, return_counts=True)
    ends = np.concatenate([[0.0], np.cumsum(curve[: len(scores)])])
    last = np.cumsum(count)
    means = (ends[last] - ends[last - count]) / count
    found: Float[np.ndarray, " n"] = means[tied]
    return found
