from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from samples.answers import balls as soft_balls
from samples.answers import farthest
from tomoscout.core.geometry import Geometry
from tomoscout.pickers.components import Settings, find_picks

RADIUS = 90.0
balls = partial(soft_balls, soft=0.0)


def pick(score, geometry, threshold=0.5, **options):
    return find_picks(
        score,
        geometry=geometry,
        radius=RADIUS,
        name="beta-galactosidase",
        threshold=threshold,
        settings=Settings(**options),
    )


@pytest.mark.parametrize("stride", [1, 2])
def test_planted_balls_come_back_in_angstrom(stride):
    geometry = Geometry((30, 44, 60), 10.012444, stride)
    planted = np.array([[83.3, 90.0, 107.5], [170.1, 224.4, 301.7], [150.0, 330.2, 497.9]])
    picks = pick(balls(planted, geometry, 60.0), geometry)
    distance = cdist(picks.zyx, planted)
    assert sorted(distance.argmin(axis=1)) == [0, 1, 2]
    assert distance.min(axis=1).max() < 3.0 * stride
    assert picks.extent == geometry.extent


def test_the_centre_is_weighted_by_score():
    score = np.zeros((3, 3, 7), np.float32)
    score[1, 1, 2:5] = 0.5, 0.5, 1.0
    picks = pick(score, Geometry(score.shape, 10.0))
    np.testing.assert_allclose(picks.zyx, [[10, 10, 10 * (2 * 0.5 + 3 * 0.5 + 4) / 2]])
    np.testing.assert_allclose(picks.scores, [1.0])


def test_cells_that_touch_by_a_corner_are_one_blob():
    score = np.zeros((6, 6, 6), np.float32)
    score[1, 1, 1] = score[2, 2, 2] = score[4, 4, 4] = 0.8
    assert len(pick(score, Geometry(score.shape, 10.0), distance=0)) == 2


@pytest.mark.parametrize("stride", [1, 2])
def test_blobs_of_unlikely_volume_are_dropped(stride):
    geometry = Geometry((50, 50, 120), 10.0, stride)
    score = np.zeros(geometry.cells, np.float16)
    for x, size in ((200.0, 40.0), (600.0, 90.0), (950.0, 180.0)):
        score = np.maximum(score, balls([[250.0, 250.0, x]], geometry, size))
    assert len(pick(score, geometry, max_volume=100)) == 3
    likely = pick(score, geometry, min_volume=0.3, max_volume=3.0)  # balls are 0.09, 1 and 8
    np.testing.assert_allclose(likely.zyx, [[250, 250, 600]], atol=5.0)


def test_a_blob_at_the_border_stays():
    geometry = Geometry((11, 20, 20), 10.0, 2)
    score = np.zeros(geometry.cells, np.float16)
    score[-1, 0, 0] = 0.9
    picks = pick(score, geometry)
    np.testing.assert_allclose(picks.zyx, [[100.0, 5.0, 5.0]])
    assert geometry.contains(picks.zyx).all()


def test_a_half_float_just_below_the_threshold_is_outside():
    score = np.zeros((3, 3, 5), np.float16)
    below = np.float16(0.1)  # 0.09998
    score[1, 1, 1], score[1, 1, 2] = below, np.nextafter(below, np.float16(1))
    picks = pick(score, Geometry(score.shape, 10.0), threshold=0.1)
    np.testing.assert_allclose(picks.zyx, [[10, 10, 20]])


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.02, 0.5))
def test_unparted_blobs_are_those_of_scipy(seed, share):
    score = np.random.default_rng(seed).random((7, 8, 9)).astype(np.float16)
    options = {"split": False, "distance": 0, "max_volume": 1e9}
    picks = pick(score, Geometry(score.shape, 10.0), threshold=1 - share, **options)
    labels, count = ndimage.label(score.astype(float) >= 1 - share, np.ones((3, 3, 3)))
    middles = ndimage.center_of_mass(score.astype(float), labels, np.arange(1, count + 1))
    assert farthest(picks.zyx, np.array(middles) * 10.0) < 1e-6
    heights = ndimage.maximum(score, labels, np.arange(1, count + 1))
    np.testing.assert_array_equal(picks.scores, np.sort(heights)[::-1])


def test_touching_balls_are_parted_unless_asked_not_to():
    geometry = Geometry((30, 30, 60), 10.0)
    planted = np.array([[150.0, 150, 150], [150, 150, 294]])  # 1.6 radii apart
    score = balls(planted, geometry, RADIUS)
    assert farthest(pick(score, geometry).zyx, planted) < 5.0
    whole = pick(score, geometry, split=False)
    np.testing.assert_allclose(whole.zyx, [planted.mean(axis=0)], atol=1.0)
    assert len(pick(score, geometry, apart=1.8)) == 1


def test_a_particle_smeared_along_z_stays_one():
    geometry = Geometry((50, 30, 30), 10.0)
    squeezed = Geometry((30, 30, 30), 10.0)
    ball = balls([[150.0, 150, 150]], squeezed, 60.0)
    score = np.zeros(geometry.cells, np.float16)
    score[:] = ball[np.minimum((np.arange(50) * 0.6).astype(int), 29)]  # 1.7 times as long
    assert len(pick(score, geometry)) == 1


def test_of_blobs_too_near_each_other_the_better_stays():
    score = np.zeros((5, 5, 30), np.float32)
    score[2, 2, 5], score[2, 2, 14], score[2, 2, 24] = 0.6, 0.9, 0.7
    geometry = Geometry(score.shape, 10.0)
    np.testing.assert_allclose(pick(score, geometry, distance=1.05).zyx[:, 2], [140, 240])
    assert len(pick(score, geometry, distance=0.95)) == 3
