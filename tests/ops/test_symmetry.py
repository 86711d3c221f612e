import numpy as np
import pytest
import torch

from tomoscout.core.geometry import Geometry
from tomoscout.ops.symmetry import QUARTER_TURNS, SWAP_YX, SYMMETRIES, Symmetry
from tomoscout.ops.views import VIEWS

VOLUME = np.random.default_rng(0).random((4, 5, 6))
GEOMETRY = Geometry((4, 5, 6), 10.0)

each = pytest.mark.parametrize("symmetry", VIEWS["isotropic"], ids=str)


@each
def test_undoing_a_move_brings_the_volume_back(symmetry):
    moved = symmetry.apply(VOLUME)
    assert moved.shape == symmetry.shape(VOLUME.shape)
    np.testing.assert_array_equal(symmetry.undo(moved), VOLUME)


@each
def test_torch_batches_move_like_numpy_volumes(symmetry):
    batch = torch.from_numpy(VOLUME)[None, None]
    np.testing.assert_array_equal(symmetry.apply(batch)[0, 0], symmetry.apply(VOLUME))
    assert torch.equal(symmetry.undo(symmetry.apply(batch)), batch)


@each
def test_points_go_where_their_voxel_goes(symmetry):
    moved = symmetry.apply(VOLUME)
    for voxel in [(0, 0, 0), (1, 2, 5), (3, 4, 1)]:
        there = symmetry.move(np.array([voxel]) * 10.0, geometry=GEOMETRY)[0] / 10.0
        assert moved[tuple(there.astype(int))] == VOLUME[voxel]


@each
def test_the_matrix_moves_directions_like_points(symmetry):
    here = np.array([[0.0, 0, 0], [10, 20, 30]])
    there = symmetry.move(here, geometry=GEOMETRY)
    np.testing.assert_allclose(
        symmetry.matrix @ (here[1] - here[0])[::-1], (there[1] - there[0])[::-1]
    )
    assert np.linalg.det(symmetry.matrix) == pytest.approx(-1 if symmetry.mirrors else 1)


def test_there_are_sixteen_and_all_differ():
    cube = np.random.default_rng(1).random((3, 3, 3))
    assert len({symmetry.apply(cube).tobytes() for symmetry in SYMMETRIES}) == 16


@pytest.mark.parametrize("turns", range(4))
def test_quarter_turns_are_those_of_numpy(turns):
    expected = np.rot90(VOLUME, turns, axes=(1, 2))
    np.testing.assert_array_equal(QUARTER_TURNS[turns].apply(VOLUME), expected)


def test_moving_a_numpy_volume_copies_nothing():
    assert np.shares_memory(Symmetry(SWAP_YX, (True, False, True)).apply(VOLUME), VOLUME)
