import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist, pdist

from tomoscout.ops import suppress as module
from tomoscout.ops.suppress import suppress, suppress_each

# Whole coordinates and half radii: distances are exact, so "within" has no rounding.
CLOUDS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 60), st.just(3)),
    elements=st.integers(0, 12).map(float),
)


def naive(zyx, scores, radius):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(np.linalg.norm(zyx[i] - zyx[k]) > radius for k in kept):
            kept.append(i)
    return np.array(kept, int)


@settings(deadline=None, max_examples=150)
@given(
    zyx=CLOUDS,
    twice_radius=st.integers(0, 20),
    levels=st.sampled_from([2, 10, 10**6]),
    block=st.sampled_from([1, 3, 1024]),
    seed=st.integers(0, 2**32 - 1),
)
def test_it_is_the_greedy_definition(zyx, twice_radius, levels, block, seed):
    scores = np.random.default_rng(seed).integers(0, levels, len(zyx)) / levels
    radius = twice_radius / 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        kept = suppress(zyx, scores, radius)
    np.testing.assert_array_equal(kept, naive(zyx, scores, radius))


@settings(deadline=None)
@given(zyx=CLOUDS, radius=st.integers(1, 8), seed=st.integers(0, 2**32 - 1))
def test_kept_are_apart_and_dropped_are_near_a_better_one(zyx, radius, seed):
    scores = np.random.default_rng(seed).permutation(len(zyx)) / 100.0
    kept = suppress(zyx, scores, float(radius))
    assert len(kept) < 2 or pdist(zyx[kept]).min() > radius
    near = cdist(zyx, zyx[kept]) <= radius
    assert (near & (scores[kept][None, :] >= scores[:, None])).any(axis=1).all()
    assert np.all(np.diff(scores[kept]) <= 0)


def test_a_point_exactly_at_the_radius_is_dropped():
    zyx = np.array([[0.0, 0, 0], [0, 0, 100], [0, 0, 200.5]])
    np.testing.assert_array_equal(suppress(zyx, np.array([0.5, 0.9, 0.4]), 100.0), [1, 2])


def test_a_dropped_point_drops_nobody():
    zyx = np.array([[0.0, 0, 0], [0, 0, 8], [0, 0, 16]])
    np.testing.assert_array_equal(suppress(zyx, np.array([0.9, 0.8, 0.7]), 10.0), [0, 2])


def test_of_equal_scores_the_first_wins():
    np.testing.assert_array_equal(suppress(np.zeros((4, 3)), np.ones(4), 0.0), [0])


def test_no_points_give_no_points():
    assert len(suppress(np.zeros((0, 3)), np.zeros(0), 5.0)) == 0


def test_a_radius_below_zero_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        suppress(np.zeros((1, 3)), np.ones(1), -1.0)


@pytest.mark.parametrize("box", [300, 40], ids=["sparse", "dense"])
def test_a_hundred_thousand_points_take_seconds(box):
    rng = np.random.default_rng(0)
    zyx, scores = rng.random((100_000, 3)) * box, rng.random(100_000)
    start = time.perf_counter()
    kept = suppress(zyx, scores, 8.0)
    assert time.perf_counter() - start < 5  # 0.15 s on an idle core; a quadratic loop: minutes
    assert len(kept) > (10_000 if box == 300 else 100)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_point_is_dropped_by_a_better_one_in_whose_reach_it_lies(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 30))
    zyx, score, reach = rng.random((n, 3)) * 100, rng.random(n), rng.uniform(5, 60, n)
    kept = suppress_each(zyx, score, reach)
    assert (np.diff(score[kept]) <= 0).all()
    by = cdist(zyx, zyx[kept]) <= reach[kept]  # kept ones, and who is in their reach
    better = by & (score[kept] > score[:, None])
    np.testing.assert_array_equal(better.any(axis=1), ~np.isin(np.arange(n), kept))


@settings(deadline=None, max_examples=50)
@given(zyx=CLOUDS, twice_radius=st.integers(0, 20), seed=st.integers(0, 2**32 - 1))
def test_of_one_size_both_ways_are_the_same(zyx, twice_radius, seed):
    scores = np.random.default_rng(seed).integers(0, 5, len(zyx)) / 5
    each = suppress_each(zyx, scores, np.full(len(zyx), twice_radius / 2))
    np.testing.assert_array_equal(each, suppress(zyx, scores, twice_radius / 2))


def test_a_large_point_is_not_dropped_by_a_better_small_one_on_its_rim():
    zyx = np.array([[0.0, 0, 0], [0, 0, 50]])
    assert suppress_each(zyx, np.array([0.5, 0.9]), np.array([60.0, 20])).tolist() == [1, 0]
    assert suppress_each(zyx, np.array([0.9, 0.5]), np.array([60.0, 20])).tolist() == [0]
