import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry

CZII = Geometry((184, 630, 630), 10.012444)


def test_a_voxel_lies_at_its_index_times_the_spacing():
    zyx = CZII.to_angstrom(np.array([[0, 0, 0], [1, 2, 100]]))
    np.testing.assert_allclose(zyx, [[0, 0, 0], [10.012444, 20.024888, 1001.2444]])


def test_a_cell_lies_in_the_middle_of_its_voxels():
    # Cell 3 at stride 2 covers voxels 6 and 7: its centre is voxel 6.5. Cell 1 at stride 3
    # covers 3, 4, 5: voxel 4. Cell 0 at stride 6 covers 0 to 5: voxel 2.5.
    for stride, cell, voxel in ((2, 3, 6.5), (3, 1, 4.0), (6, 0, 2.5)):
        geometry = Geometry((60, 60, 60), 10.0, stride)
        centre = np.mean(np.arange(stride * cell, stride * (cell + 1)))
        assert centre == voxel
        np.testing.assert_allclose(geometry.to_angstrom(np.full((1, 3), cell)), voxel * 10.0)


@settings(deadline=None)
@given(
    cells=hnp.arrays(np.float64, (4, 3), elements=st.floats(-1e4, 1e4)),
    spacing=st.floats(0.5, 50),
    stride=st.integers(1, 8),
)
def test_cells_to_angstrom_and_back_is_the_identity(cells: np.ndarray, spacing: float, stride: int):
    geometry = Geometry((64, 64, 64), spacing, stride)
    np.testing.assert_allclose(geometry.to_cells(geometry.to_angstrom(cells)), cells, atol=1e-8)


@settings(deadline=None)
@given(voxel=st.integers(0, 629), stride=st.integers(1, 8))
def test_a_voxel_rounds_to_the_cell_that_covers_it(voxel: int, stride: int):
    geometry = CZII.at_stride(stride)
    cell = geometry.to_cells(np.full((1, 3), voxel * CZII.voxel_spacing))
    # Voxels at a cell's rim lie within half a cell of its centre, never beyond.
    assert abs(cell[0, 0] - voxel // stride) < 0.5


def test_the_last_cell_may_hang_over_the_edge():
    geometry = CZII.at_stride(4)
    assert geometry.cells == (46, 158, 158)  # 184 / 4 = 46 and 630 / 4 = 157.5
    assert geometry.cell_spacing == pytest.approx(40.049776)
    assert geometry.extent == CZII.extent == pytest.approx((1842.29, 6307.84, 6307.84), abs=0.01)


def test_a_tomogram_contains_what_lies_within_half_a_voxel_of_its_voxels():
    geometry = Geometry((4, 5, 6), 10.0)
    inside = np.array([[-5.0, 0, 0], [34.9, 44.9, 54.9], [0, 0, 54.0]])
    outside = np.array([[-5.1, 0, 0], [35.0, 0, 0], [0, 45.0, 0], [0, 0, 55.0], [0, 50.0, 0]])
    assert geometry.contains(inside).all()
    assert not geometry.contains(outside).any()


@pytest.mark.parametrize("spacing", [0.0, -1.0, float("nan")])
def test_a_spacing_that_is_no_length_is_refused_with_the_remedy(spacing: float):
    with pytest.raises(UserError, match=r"above 0 Å, found .*: give it with --voxel-spacing"):
        Geometry((4, 5, 6), spacing)
