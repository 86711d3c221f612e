import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.patches import crop

SPACING = 10.0


def marked(shape, seed=0) -> tuple[Volume, Picks]:
    """A volume with one bright voxel per particle."""
    rng = np.random.default_rng(seed)
    voxels = np.unique(rng.integers(0, shape, (12, 3)), axis=0)
    data = np.zeros(shape, np.float16)
    data[tuple(voxels.T)] = np.arange(1, len(voxels) + 1)
    names = np.array([f"p{i}" for i in range(1, len(voxels) + 1)])
    return Volume(data, SPACING), Picks(voxels * SPACING, names)


CORNERS = st.tuples(*[st.integers(-9, 14)] * 3)
SIZES = st.tuples(*[st.integers(1, 20)] * 3)


@settings(deadline=None, max_examples=150)
@given(start=CORNERS, shape=SIZES, size=SIZES, seed=st.integers(0, 99))
def test_picks_and_bright_voxels_of_a_patch_are_the_same_wherever_it_is_cut(
    start, shape, size, seed
):
    volume, picks = marked(size, seed)
    patch, near = crop(volume, picks, start=start, shape=shape, margin=0.0)
    assert patch.shape == shape
    bright = {(*map(int, v), f"p{int(patch.data[tuple(v)])}") for v in np.argwhere(patch.data)}
    told = {(*map(int, v), str(n)) for v, n in zip(near.zyx / SPACING, near.objects, strict=True)}
    # An axis of one voxel repeats it, and its particles are not repeated with it.
    if min(size) > 1:
        assert told == bright
        assert len(near) == len(told)
    else:
        assert told <= bright


@settings(deadline=None, max_examples=50)
@given(start=CORNERS, shape=SIZES, size=SIZES)
def test_beyond_the_edge_a_patch_is_what_numpy_reflects(start, shape, size):
    data = np.random.default_rng(0).random(size)
    pads = [(max(-s, 0), max(s + n - m, 0)) for s, n, m in zip(start, shape, size, strict=True)]
    padded = np.pad(data, pads, mode="reflect")
    region = tuple(slice(max(s, 0), max(s, 0) + n) for s, n in zip(start, shape, strict=True))
    patch, _ = crop(Volume(data, SPACING), Picks.empty(), start=start, shape=shape, margin=0.0)
    np.testing.assert_array_equal(patch.data, padded[region].astype(np.float32))


def test_particles_just_outside_are_kept_within_the_margin():
    volume, _ = marked((30, 30, 30))
    picks = Picks(np.array([[95.0, 150, 150], [60, 150, 150], [150, 150, 204.0]]), "a")
    _, near = crop(volume, picks, start=(10, 10, 10), shape=(10, 10, 10), margin=30.0)
    np.testing.assert_allclose(near.zyx, [[-5, 50, 50], [50, 50, 104]])
    _, near = crop(volume, picks, start=(10, 10, 10), shape=(10, 10, 10), margin=36.0)
    assert len(near) == 3


def test_a_patch_at_the_edge_has_no_mirrored_particles_unless_it_hangs_over():
    volume, picks = (
        Volume(np.zeros((20, 20, 20), np.float16), SPACING),
        Picks(np.array([[20.0, 50, 50]]), "a"),
    )
    _, near = crop(volume, picks, start=(0, 0, 0), shape=(10, 10, 10), margin=100.0)
    assert len(near) == 1
    _, near = crop(volume, picks, start=(-4, 0, 0), shape=(10, 10, 10), margin=100.0)
    np.testing.assert_allclose(np.sort(near.zyx[:, 0]), [20, 60])


@pytest.mark.parametrize("place", [-0.4, 0.0, 9.0, 9.4])
def test_a_particle_on_the_edge_is_its_own_image(place):
    volume = Volume(np.zeros((10, 10, 10), np.float16), SPACING)
    picks = Picks(np.array([[place, 5, 5]]) * SPACING, "a")
    _, near = crop(volume, picks, start=(-3, 0, 0), shape=(16, 10, 10), margin=0.0)
    assert np.isclose(near.zyx[:, 0], (place + 3) * SPACING).sum() == 1
    assert len(near) <= 2  # a particle beyond the last centre has an image just inside


def test_the_patch_is_a_copy_in_float32():
    data = np.zeros((8, 8, 8), np.float32)
    patch, _ = crop(
        Volume(data, SPACING), Picks.empty(), start=(0, 0, 0), shape=(8, 8, 8), margin=0.0
    )
    assert patch.data.dtype == np.float32
    assert not np.shares_memory(patch.data, data)


def test_poses_are_kept_inside_and_lost_with_mirror_images():
    volume = Volume(np.zeros((20, 20, 20), np.float16), SPACING)
    picks = Picks(np.array([[30.0, 50, 50]]), "a", rotations=np.eye(3)[None])
    _, near = crop(volume, picks, start=(0, 0, 0), shape=(9, 9, 9), margin=0.0)
    np.testing.assert_array_equal(near.rotations, np.eye(3)[None])
    _, near = crop(volume, picks, start=(-5, 0, 0), shape=(9, 9, 9), margin=0.0)
    assert near.rotations is None
