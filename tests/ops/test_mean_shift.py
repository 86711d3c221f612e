"""Mean shift against scikit-learn's, and against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from sklearn.cluster import MeanShift

from tomoscout.ops.mean_shift import modes


def clusters(seed):
    """Cells around some centres, as the cells of blobs lie."""
    rng = np.random.default_rng(seed)
    centres = rng.permutation(np.argwhere(np.ones((2, 2, 3))))[:6] * 14.0 + 8
    cloud = centres[rng.integers(0, 6, 400)] + rng.normal(0, 1.6, (400, 3))
    return np.unique(np.rint(cloud), axis=0), centres


@pytest.mark.parametrize("seed", range(4))
def test_equal_weights_give_the_modes_of_scikit_learn(seed):
    points, centres = clusters(seed)
    theirs = MeanShift(bandwidth=4.5, bin_seeding=True).fit(points).cluster_centers_
    ours, mass = modes(points, np.ones(len(points)), bandwidth=4.5)
    assert len(ours) == len(theirs) == len(centres)
    distance = cdist(ours, theirs)
    assert sorted(distance.argmin(axis=1)) == list(range(6))
    assert distance.min(axis=1).max() < 0.3  # plateaus of equal counts, where both may rest
    held = (cdist(ours, points) <= 4.5).sum(axis=1)
    assert np.abs(mass - held).max() <= 2
    assert np.all(np.diff(mass) <= 0)


def test_weights_count_as_repeated_points():
    points = np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 9, 0]])
    weights = np.array([3.0, 1, 2, 5])
    found, mass = modes(points, weights, bandwidth=3.0)
    np.testing.assert_allclose(found, [[0, 0, 5 / 6], [0, 9, 0]])
    np.testing.assert_allclose(mass, [6, 5])
    repeated = np.repeat(points, weights.astype(int), axis=0)
    again, _ = modes(repeated, np.ones(len(repeated)), bandwidth=3.0)
    np.testing.assert_allclose(again, found)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), bandwidth=st.floats(0.8, 6.0))
def test_modes_rest_and_are_apart(seed, n, bandwidth):
    rng = np.random.default_rng(seed)
    points, weights = rng.integers(0, 9, (n, 3)).astype(float), rng.random(n) + 0.1
    found, mass = modes(points, weights, bandwidth=bandwidth)
    assert len(found) >= 1
    assert len(found) < 2 or pdist(found).min() > bandwidth
    assert mass.sum() > 0
    # Where a ball rests, it moves no further: its place is the mean of what it held.
    for place in found:
        near = np.linalg.norm(points - place, axis=1)
        for reach in (bandwidth * 0.998, bandwidth * 1.002):  # a point may be right at the rim
            held = near <= reach
            moved = np.average(points[held], axis=0, weights=weights[held]) - place
            if np.linalg.norm(moved) <= 2e-3 * bandwidth:
                break
        else:
            raise AssertionError(f"a ball at {place} does not rest")


def test_no_points_have_no_modes():
    found, mass = modes(np.zeros((0, 3)), np.zeros(0), bandwidth=1.0)
    assert found.shape == (0, 3)
    assert len(mass) == 0


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, float("nan")])
def test_a_bandwidth_of_nothing_is_refused(bandwidth):
    with pytest.raises(ValueError, match="above 0"):
        modes(np.zeros((1, 3)), np.ones(1), bandwidth=bandwidth)
