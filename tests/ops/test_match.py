import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from tomoscout.ops.match import Pairs, assign, by_rank, one_to_one, within, within_each

CLOUDS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 12), st.just(3)),
    elements=st.integers(0, 9).map(float),
)


def on_x(*x):
    return np.array([[0.0, 0.0, v] for v in x]).reshape(-1, 3)


@settings(deadline=None, max_examples=100)
@given(first=CLOUDS, second=CLOUDS, radius=st.integers(0, 8).map(float))
def test_within_lists_every_pair_in_reach_and_its_distance(first, second, radius):
    pairs = within(first, second, radius)
    distance = cdist(first, second)
    expected = set(zip(*np.nonzero(distance <= radius), strict=True))
    assert set(zip(pairs.first, pairs.second, strict=True)) == expected
    np.testing.assert_allclose(pairs.distance, distance[pairs.first, pairs.second])


@settings(deadline=None, max_examples=100)
@given(
    first=hnp.arrays(np.float64, (6, 3), elements=st.floats(0, 6000)),
    step=st.floats(-80, 80),
)
def test_within_agrees_with_the_ball_query_of_the_published_metric(first, step):
    second = first + np.array([0, 0, step])
    expected = cKDTree(first).query_ball_tree(cKDTree(second), 30.0)
    found = within(first, second, 30.0)
    assert [sorted(found.second[found.first == i]) for i in range(6)] == [
        sorted(hits) for hits in expected
    ]


@settings(deadline=None, max_examples=300)
@given(first=CLOUDS, second=CLOUDS, radius=st.integers(0, 8).map(float))
def test_one_to_one_is_the_best_assignment(first, second, radius):
    pairs = one_to_one(first, second, radius)
    distance = cdist(first, second)
    cost = np.where(distance <= radius, distance - 1e6, 0)  # most pairs, then least distance
    rows, columns = linear_sum_assignment(cost)
    chosen = distance[rows, columns] <= radius
    assert len(pairs) == chosen.sum()
    assert len(set(pairs.first)) == len(set(pairs.second)) == len(pairs)
    assert np.all(pairs.distance <= radius)
    np.testing.assert_allclose(
        pairs.distance.sum(), distance[rows, columns][chosen].sum(), atol=1e-9
    )


def test_two_pairs_beat_one_near_pair():
    # The nearest-first pairing takes 10-11 and leaves 0 and 20 alone.
    pairs = one_to_one(on_x(0, 11), on_x(10, 20), 10.0)
    assert sorted(zip(pairs.first, pairs.second, strict=True)) == [(0, 0), (1, 1)]


def test_nothing_in_reach_gives_no_pairs():
    assert len(one_to_one(on_x(0), on_x(50), 10.0)) == 0
    assert len(one_to_one(np.zeros((0, 3)), on_x(50), 10.0)) == 0
    assert len(within(on_x(0), np.zeros((0, 3)), 10.0)) == 0


def test_ten_thousand_crowded_points_take_seconds():
    rng = np.random.default_rng(0)
    truth = rng.random((10_000, 3)) * 2000
    found = np.concatenate([truth + rng.normal(0, 20, truth.shape), rng.random((5_000, 3)) * 2000])
    start = time.perf_counter()
    pairs = one_to_one(found, truth, 75.0)
    assert time.perf_counter() - start < 15  # under 1 s on an idle core
    assert len(pairs) > 9_900


@settings(deadline=None, max_examples=100)
@given(first=CLOUDS, second=CLOUDS, radius=st.integers(0, 8).map(float))
def test_by_rank_each_takes_the_nearest_that_those_before_left(first, second, radius):
    pairs = by_rank(first, second, radius)
    partner = dict(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    distance, free = cdist(first, second), np.ones(len(second), bool)
    for i in range(len(first)):
        reachable = free & (distance[i] <= radius)
        assert (i in partner) == reachable.any()
        if i in partner:
            assert reachable[partner[i]]
            assert distance[i, partner[i]] == distance[i, reachable].min()
            free[partner[i]] = False


def test_assign_takes_pairs_whose_reach_differs():
    near = Pairs(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.0, 9.0, 1.0]))
    chosen = assign(near)
    found = set(zip(chosen.first.tolist(), chosen.second.tolist(), strict=True))
    assert found == {(0, 1), (1, 0)}
    assert sorted(chosen.distance) == [1.0, 9.0]


@given(seed=st.integers(0, 2**32 - 1))
def test_each_truth_has_a_reach_of_its_own(seed):
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(0, 8, (n, 3)).astype(float) for n in rng.integers(0, 12, 2))
    reach = rng.choice([0.0, 1.0, 3.0], len(second))
    near = within_each(first, second, reach)
    apart = cdist(first, second) if len(first) and len(second) else np.zeros((0, 0))
    expected = {tuple(pair) for pair in np.argwhere(apart <= reach)} if apart.size else set()
    assert set(zip(near.first.tolist(), near.second.tolist(), strict=True)) == expected
    assert len(near) == len(expected)
    np.testing.assert_allclose(near.distance, apart[near.first, near.second] if apart.size else [])
