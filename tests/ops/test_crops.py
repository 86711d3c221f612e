from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.ops.crops import crops_at, cut, first_voxels, nearest_shape, reflected

SIZES = st.tuples(*[st.integers(1, 12)] * 3)


@given(start=st.integers(-40, 40), count=st.integers(1, 40), size=st.integers(1, 20))
def test_beyond_its_ends_an_axis_is_what_numpy_reflects(start, count, size):
    before, after = max(-start, 0), max(start + count - size, 0)
    padded = np.pad(np.arange(size), (before, after), mode="reflect")
    found = reflected(start, count, size)
    np.testing.assert_array_equal(found, padded[start + before : start + before + count])


@settings(max_examples=50)
@given(start=st.tuples(*[st.integers(-9, 14)] * 3), shape=SIZES, size=SIZES)
def test_a_block_reads_no_more_than_it_needs(start, shape, size):
    class Watched:
        def __init__(self, data):
            self.data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, 0

        def __getitem__(self, region):
            part = self.data[region]
            self.read += part.size
            return part

    data = Watched(np.arange(np.prod(size)).reshape(size))
    block = cut(data, start, shape)
    assert block.shape == shape
    assert data.read <= min(np.prod(size), np.prod([2 * n for n in shape]))
    inside = [k for k in range(3) if start[k] >= 0 and start[k] + shape[k] <= size[k]]
    if len(inside) == 3:
        z, y, x = start
        np.testing.assert_array_equal(block[0, 0, 0], data.data[z, y, x])
        assert data.read == np.prod(shape)


def test_a_block_on_an_edge_is_only_read_as_far_as_it_mirrors():
    class Strict:
        shape, dtype = (1000, 10, 10), np.dtype(float)

        def __getitem__(self, region):
            assert region[0].stop <= 6
            return np.zeros([part.stop - part.start for part in region])

    assert cut(Strict(), (-4, 0, 0), (10, 10, 10)).shape == (10, 10, 10)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=5), st.integers(1, 33))
def test_a_crop_lies_as_near_to_its_centre_as_whole_voxels_allow(centres, count):
    wanted = np.array(centres)
    found = first_voxels(wanted, count) + (count - 1) / 2
    assert np.abs(found - wanted).max() <= 0.5 + 2e-3


@given(st.integers(0, 20), st.integers(1, 9), st.integers(1, 33), st.floats(-5e-4, 5e-4))
def test_evenly_spaced_centres_give_evenly_spaced_crops(first, stride, count, off):
    """Also where each centre is as near to two voxels, and coordinates were rounded in a file."""
    centres = first + (stride - 1) / 2 + stride * np.arange(6) + off
    assert set(np.diff(first_voxels(centres, count)).tolist()) == {stride}


def test_crops_hold_their_centres():
    data = np.zeros((9, 12, 15), np.float32)
    centres = np.array([[0.0, 11.0, 7.0], [4.0, 5.0, 14.0]])
    data[0, 11, 7], data[4, 5, 14] = 1, 2
    for shape in ((3, 5, 7), (1, 5, 5)):
        crops = crops_at(data, centres, shape)
        assert crops.shape == (2, *shape)
        middle = tuple(n // 2 for n in shape)
        assert [crop[middle] for crop in crops] == [1, 2]
    assert crops_at(data, np.zeros((0, 3)), (3, 3, 3)).shape == (0, 3, 3, 3)


@pytest.mark.parametrize(
    ("edge", "divisor", "flat", "expected"),
    [
        (32.0, (8, 8, 8), False, (32, 32, 32)),
        (35.9, (8, 8, 8), False, (32, 32, 32)),
        (36.1, (8, 8, 8), False, (40, 40, 40)),
        (3.0, (8, 16, 16), False, (8, 16, 16)),
        (33.0, (1, 16, 16), True, (1, 32, 32)),
    ],
)
def test_the_nearest_shape_is_a_multiple_and_never_empty(edge, divisor, flat, expected):
    assert nearest_shape(edge, divisor, flat=flat) == expected
