import numpy as np
import pytest

from tomoscout.core.volume import Volume
from tomoscout.ops.thick import thicken


def volume(seed=0):
    return Volume(np.random.default_rng(seed).normal(size=(9, 4, 5)).astype(np.float32), 10.0)


@pytest.mark.parametrize(("thickness", "planes"), [(10.0, 1), (30.0, 3), (52.0, 5)])
def test_each_plane_is_the_mean_over_so_many_angstrom(thickness, planes):
    raw = volume()
    thick = thicken(raw, thickness).read()
    half = planes // 2
    for z in range(9):
        expected = raw.data[max(z - half, 0) : z + half + 1].mean(axis=0)
        np.testing.assert_allclose(thick[z], expected, atol=1e-6)


def test_a_part_reads_the_same_as_the_whole():
    thick = thicken(volume(), 50.0)
    whole = thick.read()
    part = thick.read(slice(3, 6), slice(1, 3), slice(2, 5))
    np.testing.assert_allclose(part, whole[3:6, 1:3, 2:5], atol=1e-6)
    assert thick.shape == (9, 4, 5)
    np.testing.assert_allclose(thick.load().read(), whole, atol=1e-6)


def test_a_thickness_of_one_plane_changes_nothing():
    raw = volume()
    assert thicken(raw, 0.0) is raw
    assert thicken(raw, 19.0) is raw
