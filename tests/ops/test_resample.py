from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tomoscout.core.volume import Volume
from tomoscout.ops import resample as module
from tomoscout.ops.normalise import measure
from tomoscout.ops.resample import resample

SHAPE = (37, 41, 53)
NOISE = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def ball(spacing, centre, shape):
    grid = np.indices(shape) * spacing - np.reshape(centre, (3, 1, 1, 1))
    return Volume(np.exp(-(grid**2).sum(0) / (2 * 40.0**2)).astype(np.float32), spacing)


def all_at_once(data, ratio):
    """The same by SciPy on the whole array."""
    if ratio > 1:
        data = ndimage.gaussian_filter(data, 0.5 * np.sqrt(ratio**2 - 1), mode="nearest")
    shape = tuple(max(1, int((n - 1) / ratio + 1e-9) + 1) for n in data.shape)
    return ndimage.affine_transform(
        data, np.full(3, ratio), output_shape=shape, order=1, mode="nearest"
    )


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


@settings(max_examples=25)
@given(
    ratio=st.sampled_from([0.5, 0.77, 1.04, 1.348, 2.0, 3.7]),
    corner=st.tuples(*[st.floats(0, 1)] * 3),
    length=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_any_part_is_what_computing_all_at_once_gives(ratio, corner, length):
    whole = all_at_once(NOISE, ratio)
    part = tuple(
        slice(start := int(c * n), start + 1 + int(share * (n - start)))
        for c, share, n in zip(corner, length, whole.shape, strict=True)
    )
    moved = resample(Volume(NOISE, 10.0), 10.0 * ratio)
    assert moved.shape == whole.shape
    np.testing.assert_allclose(moved.read(*part), whole[part], atol=2e-6)


@pytest.mark.parametrize("ratio", [0.6, 2.3])
def test_slabs_join_without_a_seam(ratio, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    found = resample(Volume(NOISE, 10.0), 10.0 * ratio).read()
    np.testing.assert_allclose(found, all_at_once(NOISE, ratio), atol=2e-6)


class Counted:
    """An array that counts the voxels read, and the most read at once."""

    def __init__(self, data):
        self.data, self.shape, self.dtype = data, data.shape, data.dtype
        self.total, self.most = 0, 0

    def __getitem__(self, region: Any, /) -> Any:
        block = self.data[region]
        self.total += block.size
        self.most = max(self.most, block.size)
        return block


def test_nothing_is_read_before_it_is_needed_and_never_all_at_once(monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 20_000)
    data = Counted(np.tile(NOISE, (8, 1, 1)))
    moved = resample(Volume(data, 10.0), 20.0)
    assert moved.shape == (148, 21, 27)
    assert data.total == 0
    moved.read(slice(70, 71), slice(10, 11), slice(10, 11))
    assert data.total < 15**3
    measure(moved)
    assert data.most < data.data.size / 8
