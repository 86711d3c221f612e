from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.volume import Volume
from tomoscout.ops.resample import resample


def ball(spacing, centre, shape):
    grid = np.indices(shape) * spacing - np.reshape(centre, (3, 1, 1, 1))
    return Volume(np.exp(-(grid**2).sum(0) / (2 * 40.0**2)).astype(np.float32), spacing)


@pytest.mark.parametrize("spacing", [5.0, 13.48, 20.0])
def test_a_bump_stays_where_it_was_in_angstrom(spacing):
    centre = (150.0, 210.0, 260.0)
    moved = resample(ball(10.0, centre, (32, 40, 52)), spacing)
    data = moved.read()
    at = [(np.indices(data.shape)[k] * data).sum() / data.sum() * spacing for k in range(3)]
    np.testing.assert_allclose(at, centre, atol=1.5)
    assert moved.voxel_spacing == spacing


def test_fine_noise_is_averaged_not_aliased():
    noise = np.random.default_rng(0).normal(size=(48, 48, 48)).astype(np.float32)
    assert resample(Volume(noise, 5.0), 20.0).read().std() < 0.25
