from dataclasses import replace

import numpy as np
import pytest

from tomoscout.augment import blur
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume

NOTHING = Picks.empty()


def apply(volume, sigma, seed=0):
    settings = blur.Settings(probability=1.0, sigma=sigma)
    return blur.apply(volume, NOTHING, settings=settings, rng=np.random.default_rng(seed))[0]


def point(voxel_spacing=10.0):
    data = np.zeros((33, 33, 33), np.float32)
    data[16, 16, 16] = 1.0
    return Volume(data, voxel_spacing)


def width(volume):
    """Standard deviation of a blob along x, in Å."""
    profile = volume.read().sum(axis=(0, 1))
    x = (np.arange(len(profile)) - 16) * volume.voxel_spacing
    return float(np.sqrt((profile * x**2).sum() / profile.sum()))


def test_a_point_becomes_a_gaussian_of_the_drawn_width_in_angstrom():
    drawn = np.random.default_rng(0)
    drawn.random()
    sigma = drawn.uniform(0, 40.0)
    blurred = apply(point(), 40.0)
    assert width(blurred) == pytest.approx(sigma, rel=0.05)
    assert blurred.read().sum() == pytest.approx(1.0, rel=1e-3)


def test_the_same_blur_in_angstrom_is_wider_in_smaller_voxels():
    coarse, fine = apply(point(10.0), 40.0), apply(point(5.0), 40.0)
    assert width(fine) == pytest.approx(width(coarse), rel=0.05)


def test_a_slice_is_blurred_within_itself():
    flat = replace(point(), data=point().data[16:17])
    blurred = apply(flat, 40.0)
    assert blurred.shape == (1, 33, 33)
    assert blurred.read().sum() == pytest.approx(1.0, rel=1e-3)
