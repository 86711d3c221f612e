import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples.embeddings import directions
from tomoscout.core.errors import UserError
from tomoscout.discovery.background import Background, unit


def cone(count=400, features=16, seed=0):
    """Embeddings as networks leave them: much in common, and scatter that differs by direction."""
    rng = np.random.default_rng(seed)
    common, *axes = directions(features, features)
    scatter = rng.normal(size=(count, features - 1)) * np.geomspace(0.15, 0.0015, features - 1)
    return unit(common + scatter @ np.stack(axes))


def spread_of(vectors, background):
    seen = background.apply(vectors)
    return (seen @ seen.T)[np.triu_indices(len(vectors), 1)]


def test_cosines_of_crops_in_general_spread_around_nothing():
    vectors = cone()
    plain = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    assert plain.min() > 0.5
    seen = spread_of(vectors, Background.of(vectors, whitening=0.5))
    assert seen.mean() == pytest.approx(0, abs=0.01)
    assert seen.std() > 3 * plain.std()


def test_whitening_holds_down_the_directions_in_which_all_vary():
    vectors = cone()
    left = [
        spread_of(vectors, Background.of(vectors, whitening=power)).std() for power in (0, 0.5, 1)
    ]
    assert left[0] > 1.3 * left[1] > 1.5 * left[2]
    # All 15 directions alike: cosines scatter as those of random directions do.
    assert left[2] == pytest.approx(1 / np.sqrt(15), rel=0.1)


def test_without_whitening_only_the_mean_is_taken_away():
    vectors = cone()
    background = Background.of(vectors, whitening=0)
    np.testing.assert_allclose(background.transform, np.eye(16), atol=1e-6)
    np.testing.assert_allclose(
        background.apply(vectors), unit(vectors - vectors.mean(axis=0)), atol=1e-5
    )


@settings(max_examples=25, deadline=None)
@given(turn=st.integers(0, 10**6), power=st.floats(0, 1))
def test_cosines_do_not_depend_on_the_axes_of_the_embedding(turn, power):
    vectors = cone(64, 8)
    turned = vectors @ directions(8, 8, seed=turn)
    np.testing.assert_allclose(
        spread_of(turned, Background.of(turned, whitening=power)),
        spread_of(vectors, Background.of(vectors, whitening=power)),
        atol=2e-3,
    )


def test_a_small_sample_whitens_less_than_it_would_like_to():
    few, many = cone(20), cone(2000, seed=1)
    strength = [np.linalg.cond(Background.of(v, whitening=1).transform) for v in (few, many)]
    assert strength[0] < strength[1]


def test_directions_that_no_crop_varies_in_stay_finite():
    vectors = np.zeros((40, 8), np.float32)
    vectors[:, :2] = np.random.default_rng(0).normal(size=(40, 2))
    seen = Background.of(vectors, whitening=1).apply(np.ones((3, 8)))
    assert np.isfinite(seen).all()
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), 1, atol=1e-5)
    constant = Background.of(np.ones((40, 8)), whitening=1)
    assert not constant.apply(np.ones((2, 8))).any()


def test_a_handful_of_crops_says_too_little():
    with pytest.raises(UserError, match="3 crops say too little of the ground"):
        Background.of(np.ones((3, 8)), whitening=0)
