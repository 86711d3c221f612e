import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.targets.points import Settings, encode


def points(picks: Picks, shape=(16, 20, 24), stride=1) -> np.ndarray:
    geometry = Geometry(shape, 10.012444, stride)
    return encode(picks, objects=CZII, geometry=geometry, settings=Settings())


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), stride=st.sampled_from([2, 4]))
def test_a_stride_equals_single_voxels_max_pooled(seed, stride):
    rng = np.random.default_rng(seed)
    picks = Picks(rng.uniform(-20, 260, (30, 3)), rng.choice(CZII.names, 30))
    pooled = torch.nn.functional.max_pool3d(torch.from_numpy(points(picks)), stride)
    np.testing.assert_array_equal(points(picks, stride=stride), pooled)


def test_the_voxel_whose_centre_is_nearest_is_marked():
    picks = Picks(np.array([[3.4, 7.6, 0.0], [3.6, 7.4, 23.49]]) * 10.012444, "ribosome")
    marked = np.argwhere(points(picks)[3])
    np.testing.assert_array_equal(marked, [[3, 8, 0], [4, 7, 23]])


def test_a_centre_half_a_voxel_outside_still_belongs_to_the_edge():
    edges = Picks(np.array([[-0.49, 0, 0], [15.49, 0, 0]]) * 10.012444, "ribosome")
    outside = Picks(np.array([[-0.51, 0, 0], [15.51, 0, 0]]) * 10.012444, "ribosome")
    assert points(edges)[3].sum() == 2
    assert points(outside).sum() == 0


def test_two_objects_in_one_cell_are_both_kept():
    picks = Picks(np.full((2, 3), 50.0), np.array(["thyroglobulin", "beta-galactosidase"]))
    np.testing.assert_array_equal(points(picks)[:, 5, 5, 5], [0, 0, 1, 0, 1, 0])
