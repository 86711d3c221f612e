"""Scores brought to one scale by their ranks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tomoscout.ops.same_scale import same_scale

VALUES = st.integers(0, 64).map(lambda n: n / 64)
SCORES = arrays(float, st.integers(0, 30), elements=VALUES)


def test_the_kth_best_get_the_mean_of_the_kth_best():
    found = same_scale([np.array([0.2, 0.9, 0.5]), np.array([0.1, 0.3])])
    np.testing.assert_allclose(found[0], [0.1, 0.6, 0.3])
    np.testing.assert_allclose(found[1], [0.3, 0.6])


def test_ties_stay_ties():
    found = same_scale([np.array([0.5, 0.5, 0.1]), np.array([0.9, 0.7, 0.3])])
    np.testing.assert_allclose(found[0], [0.65, 0.65, 0.2])


@given(first=SCORES, second=SCORES)
def test_the_order_within_a_method_stays(first, second):
    for before, after in zip([first, second], same_scale([first, second]), strict=True):
        assert len(before) == len(after)
        better = before[:, None] > before
        assert (after[:, None] >= after - 1e-12)[better].all()
        np.testing.assert_allclose(np.subtract.outer(after, after)[before[:, None] == before], 0)


@given(scores=SCORES)
def test_a_scale_beside_itself_stays(scores):
    np.testing.assert_allclose(same_scale([scores, scores])[1], scores, atol=1e-12)


@given(scores=SCORES, power=st.sampled_from([0.5, 3.0]))
def test_a_method_and_its_stretched_copy_get_the_same_scores(scores, power):
    found = same_scale([scores, scores**power])
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)
