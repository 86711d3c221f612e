from __future__ import annotations

import numpy as np
import pytest

from tomoscout.augment.mean_std_shift import Settings, apply
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.settings import validate
from tomoscout.core.volume import Volume

# Mean 3 and standard deviation 2: neither 0 nor 1, or their units could not be told apart.
DATA = (2 * np.random.default_rng(0).standard_normal((12, 13, 14)) + 3).astype(np.float32)
MEAN, STD = DATA.mean(dtype=float), DATA.std(dtype=float)


def run(seed: int, **options) -> np.ndarray:
    settings, rng = Settings(probability=1.0, **options), np.random.default_rng(seed)
    return apply(Volume(DATA, 10.0), Picks.empty(), settings=settings, rng=rng)[0].read()


def changes(count: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """Shift of the mean in standard deviations, and relative change of the standard deviation."""
    results = [run(seed, **options) for seed in range(count)]
    means, stds = (np.array([f(r, dtype=float) for r in results]) for f in (np.mean, np.std))
    return (means - MEAN) / STD, stds / STD - 1


def test_mean_and_spread_change_each_within_the_amount_and_on_their_own():
    shift, stretch = changes(400, amount=0.4)
    for change in (shift, stretch):
        assert -0.4 - 1e-4 < change.min() < -0.3 < 0.3 < change.max() < 0.4 + 1e-4
        assert abs(change.mean()) < 0.03
    assert abs(np.corrcoef(shift, stretch)[0, 1]) < 0.15


def test_both_share_a_limit_that_is_drawn_evenly():
    """A limit a from 0 to A, changes from -a to a: the mean square is A² / 9."""
    shift, stretch = changes(1500, amount=0.5)
    np.testing.assert_allclose([np.mean(c**2) for c in (shift, stretch)], 0.25 / 9, rtol=0.12)
    # Small shifts come with small stretches, as both are drawn below one limit.
    assert np.corrcoef(np.abs(shift), np.abs(stretch))[0, 1] > 0.2


def test_it_is_a_rising_line():
    line = np.polyfit(DATA.ravel().astype(float), run(3).ravel(), 1)
    np.testing.assert_allclose(np.polyval(line, DATA), run(3), atol=1e-5)
    assert line[0] > 0


@pytest.mark.parametrize("options", [{"amount": 1.0}, {"amount": -0.1}, {"probability": 2}])
def test_wrong_settings_are_refused(options):
    with pytest.raises(UserError, match=next(iter(options))):
        validate(Settings, options, source="augment")
