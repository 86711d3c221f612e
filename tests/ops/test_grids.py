from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.core.geometry import Geometry
from tomoscout.ops.crops import first_voxels
from tomoscout.ops.grids import Grid

SHAPES = st.tuples(*[st.integers(1, 30)] * 3)


@given(shape=SHAPES, stride=st.integers(1, 9), spacing=st.floats(1, 20))
def test_centres_at_a_stride_are_those_of_a_score_maps_cells(shape, stride, spacing):
    geometry = Geometry(shape, spacing, stride)
    cells = np.stack(np.meshgrid(*map(np.arange, geometry.cells), indexing="ij"), -1)
    grid = Grid.at_stride(shape, stride)
    assert grid.shape == geometry.cells
    np.testing.assert_allclose(
        grid.centres_angstrom(spacing), geometry.to_angstrom(cells.reshape(-1, 3)), rtol=1e-12
    )


@given(shape=SHAPES, counts=st.tuples(*[st.integers(1, 12)] * 3), crop=SHAPES)
def test_evenly_spread_crops_reach_from_edge_to_edge(shape, counts, crop):
    grid = Grid.evenly(shape, counts, crop)
    assert grid.shape == counts
    for axis, size, edge in zip((grid.z, grid.y, grid.x), shape, crop, strict=True):
        assert len(set(np.round(np.diff(axis), 6))) <= 1
        np.testing.assert_allclose(axis[0] + axis[-1], size - 1)
        starts = first_voxels(axis, edge)
        if edge <= size:
            assert starts.min() >= 0
            assert (starts + edge).max() <= size
            if len(axis) > 1:
                assert (starts[0], starts[-1] + edge) == (0, size)


def test_the_published_grid_of_9216_crops_is_not_sheared():
    """96 x 96 of the 105 x 105 places of 96-voxel crops 4 apart: each row has its own y alone."""
    grid = Grid.evenly((1, 512, 512), (1, 96, 96), (1, 96, 96))
    centres = grid.centres_angstrom(10.0).reshape(96, 96, 3)
    assert np.ptp(centres[:, :, 1], axis=1).max() == 0
    assert np.ptp(centres[:, :, 2], axis=0).max() == 0
    np.testing.assert_allclose(centres[[0, -1], [0, -1], 1:], [[475, 475], [4635, 4635]])
