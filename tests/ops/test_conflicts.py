import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.ops.conflicts import overlap_conflicts

ZYX = np.array([[0.0, 0, 0], [0, 0, 99], [0, 0, 100], [0, 60, 80], [0, 0, 0]])
RUNS = np.array(["a", "a", "a", "a", "b"])


def test_nearer_crops_of_one_run_are_in_conflict_in_all_their_views():
    near = overlap_conflicts(ZYX, RUNS, distance=100.0)
    one = np.eye(5, dtype=bool)
    for i, j in ((0, 1), (1, 2), (1, 3), (2, 3)):  # 99, 1, 62.9 and 63.2 Å; 100 Å is not nearer
        one[i, j] = one[j, i] = True
    np.testing.assert_array_equal(near, np.block([[one, one], [one, one]]))


def test_crops_of_different_runs_are_never_in_conflict():
    near = overlap_conflicts(np.zeros((3, 3)), np.array([4, 7, 4]), distance=1.0)
    np.testing.assert_array_equal(near[:3, :3], [[1, 0, 1], [0, 1, 0], [1, 0, 1]])


def test_a_crop_is_in_conflict_with_itself_at_no_distance():
    near = overlap_conflicts(ZYX, RUNS, distance=0.0)
    np.testing.assert_array_equal(near, np.tile(np.eye(5, dtype=bool), (2, 2)))


@given(seed=st.integers(0, 2**32 - 1), distance=st.floats(0, 300))
def test_it_is_symmetrical_grows_with_the_distance_and_follows_the_order(seed, distance):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    zyx, runs = rng.random((n, 3)) * 200, rng.integers(0, 3, n)
    near = overlap_conflicts(zyx, runs, distance=distance)
    np.testing.assert_array_equal(near, near.T)
    assert (near <= overlap_conflicts(zyx, runs, distance=distance + 10)).all()
    order = rng.permutation(n)
    both = np.concatenate([order, order + n])
    moved = overlap_conflicts(zyx[order], runs[order], distance=distance)
    np.testing.assert_array_equal(moved, near[np.ix_(both, both)])


def test_a_distance_below_zero_is_refused():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        overlap_conflicts(ZYX, RUNS, distance=-1.0)
