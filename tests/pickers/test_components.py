import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from tomoscout.core.geometry import Geometry
from tomoscout.pickers.components import Settings, find_picks

RADIUS = 90.0


def balls(zyx, geometry, radius, height=1.0):
    """Flat balls of a radius (Å) at positions in Å."""
    axes = [np.arange(n) for n in geometry.cells]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = cdist(geometry.to_angstrom(cells), np.asarray(zyx, float)).min(axis=1) <= radius
    return (height * inside.reshape(geometry.cells)).astype(np.float16)


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
    assert len(pick(score, Geometry(score.shape, 10.0))) == 2


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
def test_picks_are_the_same_without_cc3d(seed, share):
    score = np.random.default_rng(seed).random((7, 8, 9)).astype(np.float16)
    geometry = Geometry(score.shape, 10.0)
    quick = pick(score, geometry, threshold=1 - share, max_volume=1e9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cc3d", None)
        plain = pick(score, geometry, threshold=1 - share, max_volume=1e9)
    _, blobs = ndimage.label(score.astype(float) >= 1 - share, np.ones((3, 3, 3)))
    assert len(quick) == len(plain) == blobs
    order = [np.lexsort((*p.zyx.T, p.scores)) for p in (quick, plain)]
    np.testing.assert_allclose(quick.zyx[order[0]], plain.zyx[order[1]])
    np.testing.assert_allclose(quick.scores[order[0]], plain.scores[order[1]])
