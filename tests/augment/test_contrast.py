import numpy as np
import pytest

from tomoscout.augment import contrast
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.settings import validate
from tomoscout.core.volume import Volume

DATA = (2 + np.random.default_rng(0).standard_normal((7, 8, 9))).astype(np.float32)


def run(seed=0, **options):
    settings = contrast.Settings(probability=1.0, **options)
    rng = np.random.default_rng(seed)
    return contrast.apply(Volume(DATA, 10.0), Picks.empty(), settings=settings, rng=rng)[0].read()


def test_the_mean_stays_and_the_spread_is_stretched_within_its_limits():
    factors = []
    for seed in range(200):
        out = run(seed, factors=(0.5, 2.0))
        assert out.mean() == pytest.approx(DATA.mean(), abs=1e-5)
        factors.append(out.std() / DATA.std())
    assert 0.5 <= min(factors) < 0.55
    assert 1.9 < max(factors) <= 2.0001
    assert np.median(factors) == pytest.approx(1.0, abs=0.1)  # halving is as likely as doubling


def test_clamped_contrast_is_that_of_programs_for_photographs():
    """By their definition: a weighted mean of picture and its mean, cut off at a range."""
    wanted = np.clip(3.0 * DATA + (1 - 3.0) * DATA.mean(), 0.0, 4.0)
    np.testing.assert_allclose(run(factors=(3, 3), clamp=(0, 4)), wanted, atol=1e-5)
    assert 0.2 < np.mean(wanted == 0.0) + np.mean(wanted == 4.0) < 0.8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"factors": [2, 1]}, "two rising numbers above 0"),
        ({"factors": [0, 1]}, "two rising numbers above 0"),
        ({"clamp": [1, 1]}, "two rising grey values"),
    ],
)
def test_ranges_that_cannot_be_are_refused(options, words):
    with pytest.raises(UserError, match=words):
        validate(contrast.Settings, options, source="views")
