import numpy as np
import pytest

from tomoscout.candidates.uniform import Settings, find
from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.core.volume import Volume


class Unread:
    """Voxels that nobody may look at."""

    shape = (20, 50, 80)
    dtype = np.dtype(np.float32)

    def __getitem__(self, region):
        raise AssertionError("read")


def draw(seed=0, **options):
    rng = np.random.default_rng(seed)
    return find(Volume(Unread(), 10.0), settings=Settings(**options), rng=rng)


def test_places_are_even_over_the_whole_tomogram_and_no_voxel_is_read():
    zyx = draw(count=20_000).zyx
    last = np.array([190.0, 490.0, 790.0])
    np.testing.assert_allclose(zyx.mean(axis=0), last / 2, rtol=0.02)
    np.testing.assert_allclose(zyx.std(axis=0), last / np.sqrt(12), rtol=0.02)
    assert (zyx.max(axis=0) > 0.99 * last).all()
    assert (zyx.min(axis=0) < 0.01 * last).all()
    assert len(zyx) == 20_000


def test_another_seed_draws_other_places():
    assert not np.intersect1d(draw(0).zyx, draw(1).zyx).size


def test_no_place_at_all_is_refused():
    with pytest.raises(UserError, match="'count'"):
        validate(Settings, {"count": 0}, source="candidates")
