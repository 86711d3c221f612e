"""Every augmentation moves the image and its points together, and nothing else."""

import subprocess
import sys

import numpy as np
import pytest

from tomoscout.augment import AUGMENTATIONS, Step
from tomoscout.core.picks import Picks
from tomoscout.core.settings import validate
from tomoscout.core.volume import Volume

SPACING = 10.0
SHAPE = (26, 40, 40)
# Two bright blobs on a dark field: no symmetry of the box maps the pair onto itself.
CENTRES = np.array([[9.3, 14.6, 25.2], [15.8, 21.4, 12.7]])

every_augmentation = pytest.mark.parametrize("name", AUGMENTATIONS.names())
SEEDS = range(12)


def blobs(centres: np.ndarray = CENTRES, shape=SHAPE) -> Volume:
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    distance = np.linalg.norm(grid[..., None, :] - centres, axis=-1)
    heights = np.arange(len(centres), 0, -1) * 20.0
    return Volume((heights * np.exp(-0.5 * (distance / 1.8) ** 2)).sum(-1).astype("f4"), SPACING)


def picks() -> Picks:
    rotations = np.linalg.qr(np.random.default_rng(5).standard_normal((2, 3, 3)))[0]
    rotations *= np.linalg.det(rotations)[:, None, None]
    return Picks(CENTRES * SPACING, np.array(["first", "second"]), rotations=rotations)


def step(name: str, **options) -> Step:
    module = AUGMENTATIONS[name]
    return Step(module, validate(module.Settings, options, source=name))


def run(name: str, volume: Volume, points: Picks, seed: int, **options) -> tuple[Volume, Picks]:
    module, settings = step(name, **options)
    return module.apply(volume, points, settings=settings, rng=np.random.default_rng(seed))


def centre_near(values: np.ndarray, voxel: np.ndarray) -> np.ndarray:
    """Centre of mass of the bright voxels within four of a place."""
    grid = np.stack(np.meshgrid(*map(np.arange, values.shape), indexing="ij"), -1)
    near = np.linalg.norm(grid - voxel, axis=-1) < 4
    weights = np.where(near, values - values[near].min(), 0)
    return (weights[..., None] * grid).sum((0, 1, 2)) / weights.sum()


@pytest.mark.parametrize("seed", SEEDS)
@every_augmentation
def test_the_blob_is_where_its_pick_says(name, seed):
    volume, moved = run(name, blobs(), picks(), seed, probability=1.0)
    values = volume.read()
    for voxel in moved.zyx / SPACING:
        np.testing.assert_allclose(centre_near(values, voxel), voxel, atol=0.15)
    brightest = np.array(np.unravel_index(values.argmax(), values.shape))
    assert np.abs(brightest - moved.zyx[0] / SPACING).max() <= 0.75  # interpolation may move it
    np.testing.assert_array_equal(moved.objects, ["first", "second"])


@pytest.mark.parametrize("seed", SEEDS)
@every_augmentation
def test_poses_turn_with_the_particles(name, seed):
    before = picks()
    _, after = run(name, blobs(), before, seed, probability=1.0)
    if after.rotations is None:
        return  # a mirror image: there is no rotation that would be right
    np.testing.assert_allclose(np.linalg.det(after.rotations), 1)
    old, new = ((p.zyx[1] - p.zyx[0])[::-1] for p in (before, after))
    for was, now in zip(before.rotations, after.rotations, strict=True):
        np.testing.assert_allclose(
            now @ was.T @ old / np.linalg.norm(old), new / np.linalg.norm(new), atol=1e-9
        )


@every_augmentation
def test_something_changes(name):
    changed = [
        not np.array_equal(
            run(name, blobs(), picks(), seed, probability=1.0)[0].read(), blobs().data
        )
        for seed in SEEDS
    ]
    assert all(changed)


@every_augmentation
def test_a_probability_of_zero_changes_nothing(name):
    for seed in SEEDS:
        volume, points = run(name, blobs(), picks(), seed, probability=0.0)
        np.testing.assert_array_equal(volume.data, blobs().data)
        np.testing.assert_array_equal(points.zyx, picks().zyx)
        np.testing.assert_array_equal(points.rotations, picks().rotations)


@every_augmentation
def test_the_same_generator_gives_the_same_bytes(name):
    first, second, other = (run(name, blobs(), picks(), s, probability=1.0) for s in (3, 3, 4))
    assert first[0].read().tobytes() == second[0].read().tobytes()
    assert first[1].zyx.tobytes() == second[1].zyx.tobytes()
    assert (
        name in {"flip", "quarter_turn"} or first[0].read().tobytes() != other[0].read().tobytes()
    )


@every_augmentation
def test_the_input_is_left_alone(name):
    volume, points = blobs(), picks()
    for seed in SEEDS:
        moved, moved_points = run(name, volume, points, seed, probability=1.0)
        assert moved.voxel_spacing == SPACING
        assert moved_points.zyx is not points.zyx or moved_points is points
    np.testing.assert_array_equal(volume.data, blobs().data)
    np.testing.assert_array_equal(points.zyx, picks().zyx)
    np.testing.assert_array_equal(points.rotations, picks().rotations)


@every_augmentation
def test_shape_and_type_stay(name):
    for seed in SEEDS:
        volume, _ = run(name, blobs(), picks(), seed, probability=1.0)
        assert volume.shape == SHAPE
        assert volume.read().dtype == np.float32


@every_augmentation
def test_a_crop_without_picks_is_augmented_too(name):
    _, points = run(name, blobs(), Picks.empty(), 0, probability=1.0)
    assert len(points) == 0


@every_augmentation
def test_a_crop_of_one_value_stays_finite(name):
    flat = Volume(np.zeros((5, 6, 7), np.float32), SPACING)
    assert np.isfinite(run(name, flat, Picks.empty(), 0, probability=1.0)[0].read()).all()


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.augment import AUGMENTATIONS; AUGMENTATIONS.names();"
        "assert not {'scipy', 'torch', 'tomoscout.augment.flip'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
