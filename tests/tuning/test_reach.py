"""The quick way to the best candidate near each truth is the plain way's answer."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.tuning import _reach


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    truths=st.integers(0, 30),
    span=st.sampled_from([40, 300, 100_000]),
    reach=st.sampled_from([5.0, 30.0, 75.0]),
    offset=st.sampled_from([0.0, -1234.5, 1e6]),
)
def test_a_grid_finds_what_comparing_all_with_all_finds(seed, truths, span, reach, offset):
    rng = np.random.default_rng(seed)
    # Whole numbers put many pairs exactly at the reach, which counts as within.
    truth = rng.integers(0, span, (truths, 3)) + offset
    zyx = rng.integers(-50, span + 50, (_reach._FEW + 1, 3)) + offset
    if truths:
        near = truth[rng.integers(0, truths, 200)]
        zyx[:200] = near + reach * rng.permuted([[1, 0, 0], [0.6, -0.8, 0]] * 100, axis=1)
    scores = rng.random(len(zyx))
    apart = np.linalg.norm(zyx[:, None] - truth, axis=2) if truths else np.zeros((len(zyx), 0))
    # Rounding decides on pairs at the very reach; they are left to the metric's own matching.
    sure = np.where(apart < reach * (1 - 1e-9), scores[:, None], -np.inf).max(axis=0, initial=-1)
    loose = np.where(apart < reach * (1 + 1e-9), scores[:, None], -np.inf).max(axis=0, initial=-1)
    best = np.maximum(_reach.best_within(zyx, scores, truth, reach), -1)
    assert np.all(sure <= best)
    assert np.all(best <= loose)
    # The grid alone changes nothing.
    plain = _reach.within(zyx, truth, reach)
    slow = np.full(truths, -np.inf)
    np.maximum.at(slow, plain.second, scores[plain.first])
    np.testing.assert_array_equal(best, np.maximum(slow, -1))


def test_few_candidates_beside_every_truth_are_left_to_match():
    rng = np.random.default_rng(0)
    truth, zyx = rng.random((50, 3)) * 6000, rng.random((100_000, 3)) * 6000
    assert _reach._in_marked_cells(zyx, truth, 30.0).mean() < 0.01
