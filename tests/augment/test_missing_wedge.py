import numpy as np
import pytest

from tomoscout.augment import missing_wedge
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.settings import validate
from tomoscout.core.volume import Volume


def wave(degrees, n=32):
    """A wave whose direction is so many degrees from x towards z, as a whole number of periods."""
    kx, kz = {0: (4, 0), 45: (4, 4), 72: (1, 3), 90: (0, 4)}[degrees]
    z, _, x = np.meshgrid(*[np.arange(n)] * 3, indexing="ij")
    return Volume(np.cos(2 * np.pi * (kx * x + kz * z) / n).astype(np.float32) + 3.0, 10.0)


def apply(volume, tilts=(50.0, 50.0)):
    settings = missing_wedge.Settings(probability=1.0, tilts=tilts)
    rng = np.random.default_rng(0)
    return missing_wedge.apply(volume, Picks.empty(), settings=settings, rng=rng)[0]


@pytest.mark.parametrize(("degrees", "stays"), [(0, True), (45, True), (72, False), (90, False)])
def test_waves_steeper_than_the_last_tilt_are_gone_and_others_stay(degrees, stays):
    before, after = wave(degrees).read(), apply(wave(degrees)).read()
    assert after.mean() == pytest.approx(3.0, abs=1e-4)  # the mean always stays
    expected = before if stays else np.full_like(before, 3.0)
    np.testing.assert_allclose(after, expected, atol=1e-4)


def test_a_slice_loses_nothing():
    flat = Volume(wave(0).data[:1], 10.0)
    np.testing.assert_allclose(apply(flat).read(), flat.read(), atol=1e-5)


def test_tilts_that_fall_are_refused():
    with pytest.raises(UserError, match="below 90"):
        validate(missing_wedge.Settings, {"tilts": (60, 40)}, source="augment")
