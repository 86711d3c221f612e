"""Without truth: the threshold at which one more pick neither raises nor lowers the score."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.tuning.expected import expected_threshold, expected_thresholds


def test_the_rule_is_the_published_one():
    assert expected_threshold(0.78) == pytest.approx(0.78 / 17)
    assert expected_thresholds({"a": 0.5, "b": 1.0}, beta=1) == {"a": 0.25, "b": 0.5}


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_on_calibrated_scores_no_other_threshold_does_better(beta):
    """Expected hits and predictions of scores that mean what they say; F at its own threshold."""
    score = np.sort(np.random.default_rng(0).beta(0.3, 2, 20_000))[::-1]
    hits, n = np.cumsum(score), np.arange(1, len(score) + 1)
    f_beta = (1 + beta**2) * hits / (beta**2 * score.sum() + n)
    best = f_beta.argmax()
    assert expected_threshold(float(f_beta[best]), beta=beta) == pytest.approx(
        score[best], rel=1e-3
    )


@pytest.mark.parametrize("score", [0.0, -0.1, 1.1, float("nan")])
def test_a_score_out_of_range_is_refused(score):
    with pytest.raises(UserError, match="above 0 and at most at 1"):
        expected_threshold(score)
