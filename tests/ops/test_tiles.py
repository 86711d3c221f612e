from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.ops.tiles import axis_tiles, fit_tile


@given(
    length=st.integers(1, 300),
    tile=st.integers(1, 12).map(lambda n: 8 * n),
    overlap=st.floats(0, 0.8),
    stride=st.sampled_from([1, 2, 4]),
    blend=st.sampled_from(["linear", "constant"]),
)
def test_weights_are_positive_and_sum_to_one_everywhere(length, tile, overlap, stride, blend):
    step = max(int(tile * (1 - overlap)) // stride, 1) * stride
    tiles = axis_tiles(length, tile=tile, step=step, stride=stride, blend=blend)
    total = np.zeros(-(-length // stride))
    for piece in tiles:
        assert piece.start % stride == 0
        assert (piece.weights > 0).all()
        first = piece.start // stride
        total[first : first + piece.weights.size] += piece.weights
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


def test_the_last_tile_is_moved_back_to_fit():
    assert [t.start for t in axis_tiles(630, tile=96, step=72, stride=2)] == [
        *range(0, 505, 72),
        534,
    ]


@given(
    length=st.integers(1, 3000),
    limit=st.integers(64, 400),
    overlap=st.integers(0, 48),
    divisor=st.sampled_from([1, 8, 16]),
)
def test_a_fitted_tile_keeps_its_limits_and_needs_no_more_tiles(length, limit, overlap, divisor):
    tile = fit_tile(length, limit=limit, overlap=overlap, divisor=divisor)
    largest = limit // divisor * divisor
    assert tile % divisor == 0
    assert tile <= largest

    def count(n):
        return 1 if n >= length else -(-(length - overlap) // (n - overlap))

    assert count(tile) <= count(largest)


def test_a_step_that_is_no_multiple_of_the_stride_is_refused():
    with pytest.raises(ValueError, match="multiples of stride 2"):
        axis_tiles(100, tile=32, step=15, stride=2)
