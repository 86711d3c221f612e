import time

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data import module
from tomoscout.data.module import EpochSampler, PatchDataset, collate
from tomoscout.data.pool import Pool
from tomoscout.data.runs import TrainingRun
from tomoscout.data.sampling import SamplingSettings

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=30), ObjectType(name="large", radius=60))
)
ALL_STEPS = [
    Choice(name=name, probability=0.7)
    for name in ("flip", "quarter_turn", "rotate", "scale", "gamma", "intensity", "noise")
]


def run_with_blobs(seed: int, shape=(40, 52, 48)) -> TrainingRun:
    """A run in which each particle is a dark blob: 2 deep for small ones, 4 for large ones."""
    rng = np.random.default_rng(seed)
    cells = np.stack(np.meshgrid(*[np.arange(0, n, 12) for n in shape], indexing="ij"), -1)
    voxels = cells.reshape(-1, 3) + rng.uniform(0, 3, (cells.size // 3, 3))  # never touching
    voxels = voxels[np.all(voxels < np.array(shape) - 1, axis=1)]
    names = rng.choice(["small", "large"], len(voxels))
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    data = np.zeros(shape)
    for voxel, name in zip(voxels, names, strict=True):
        depth = 2 if name == "small" else 4
        data -= depth * np.exp(-0.5 * np.sum((grid - voxel) ** 2, axis=-1) / 1.5**2)
    return TrainingRun(
        Volume(data.astype(np.float16), 10.0, f"run{seed}"), Picks(voxels * 10, names)
    )


RUNS = [run_with_blobs(0), run_with_blobs(1)]


def patches(runs=RUNS, **options) -> PatchDataset:
    sampling = SamplingSettings(**options.pop("sampling", {"patch": (16, 20, 20)}))
    pool = Pool(runs, objects=OBJECTS, sampling=sampling)
    return PatchDataset(pool, objects=OBJECTS, patch=sampling.patch, **{"augment": ()} | options)


def assert_marked_cells_are_dark(sample, stride: int, *, least: float = 0.5) -> int:
    """Check every marked cell for a dark blob of its object's depth; return how many."""
    image, target = sample["image"][0].numpy(), sample["target"].numpy()
    geometry = Geometry(image.shape, 1.0, stride)
    marked = np.argwhere(target == 1)
    for channel, *cell in marked:
        z, y, x = np.rint(geometry.to_angstrom(np.array([cell]))[0]).astype(int)
        here = image[tuple(slice(max(i - stride, 0), i + stride + 1) for i in (z, y, x))]
        depth = 2 if channel == 0 else 4
        assert -depth * 1.2 <= here.min() <= -depth * least
    return len(marked)


@pytest.mark.parametrize("stride", [1, 2])
def test_every_marked_cell_is_a_particle_of_its_channel(stride):
    dataset = patches(stride=stride)
    samples = [dataset[0, i] for i in range(40)]
    assert sum(assert_marked_cells_are_dark(s, stride) for s in samples) > 60
    assert samples[0]["image"].shape == (1, 16, 20, 20)
    assert samples[0]["target"].shape == (2, 16 // stride, 20 // stride, 20 // stride)
    assert samples[0]["image"].dtype == samples[0]["target"].dtype == torch.float32


def test_every_dark_blob_is_marked():
    dataset = patches()
    for i in range(40):
        sample = dataset[0, i]
        image, target = sample["image"][0].numpy(), sample["target"].numpy().max(axis=0)
        for voxel in np.argwhere(image < -1.9 * 0.85):  # within a voxel of a centre
            near = target[tuple(slice(max(v - 3, 0), v + 4) for v in voxel)]
            inside = all(3 <= v < n - 3 for v, n in zip(voxel, image.shape, strict=True))
            assert near.max() == 1 or not inside


@pytest.mark.parametrize("steps", [ALL_STEPS[:2], ALL_STEPS[:4]])
def test_particles_stay_on_their_marks_when_patches_are_moved(steps):
    dataset = patches(augment=steps, stride=2)
    marked = [assert_marked_cells_are_dark(dataset[0, i], 2, least=0.4) for i in range(40)]
    assert sum(marked) > 60


def test_the_patch_drawn_is_the_one_cut_when_steps_need_a_larger_crop():
    plain = patches()
    grown = patches(augment=[Choice(name=name, probability=0.0) for name in ("scale", "rotate")])
    for i in range(10):
        assert torch.equal(plain[0, i]["image"], grown[0, i]["image"])
        assert torch.equal(plain[0, i]["target"], grown[0, i]["target"])


def test_the_same_key_gives_the_same_bytes_and_others_differ():
    first, second = (patches(augment=ALL_STEPS, seed=7) for _ in range(2))
    _ = [first[3, i] for i in range(3)]  # what came before does not matter
    same, again = first[5, 2], second[5, 2]
    assert torch.equal(same["image"], again["image"])
    assert torch.equal(same["target"], again["target"])
    others = [first[5, 3], first[6, 2], patches(augment=ALL_STEPS, seed=8)[5, 2]]
    assert not any(torch.equal(same["image"], other["image"]) for other in others)


def test_the_volumes_in_memory_are_never_changed():
    before = [run.volume.data.copy() for run in RUNS]
    dataset = patches(augment=ALL_STEPS)
    for i in range(10):
        dataset[0, i]["image"].mul_(0)
    for run, data in zip(RUNS, before, strict=True):
        np.testing.assert_array_equal(run.volume.data, data)


@pytest.mark.parametrize("steps", [(), ALL_STEPS])
def test_a_tomogram_smaller_than_the_patch_is_padded_with_labelled_reflections(steps):
    dataset = patches([RUNS[0]], sampling={"patch": (64, 64, 64)}, augment=steps, stride=2)
    sample = dataset[0, 0]
    assert sample["image"].shape == (1, 64, 64, 64)
    assert sample["target"].sum() > 1.5 * len(RUNS[0].picks)
    if not steps:
        assert_marked_cells_are_dark(sample, 2)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_and_one_process_give_the_same_batches_of_every_epoch():
    dataset = patches(augment=ALL_STEPS[:2])
    seen = []
    for workers in (0, 2):
        sampler = EpochSampler(6)
        loader = DataLoader(
            dataset,
            batch_size=3,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=lambda items: collate(items, mixup=0.5, seed=1),
        )
        for epoch in (0, 1):
            sampler.set_epoch(epoch)
            seen.append([batch["image"] for batch in loader])
    for one, two in zip(seen[:2], seen[2:], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(seen[0][0], seen[1][0])


def test_batches_blend_images_and_targets_with_the_first_key():
    dataset = patches()
    items = [dataset[0, i] for i in range(4)]
    plain, mixed = collate(items), collate(items, mixup=1.0, seed=3)
    assert plain["image"].shape == (4, 1, 16, 20, 20)
    assert torch.equal(plain["image"][2], items[2]["image"])
    assert not torch.equal(mixed["image"], plain["image"])
    assert torch.equal(mixed["image"], collate(items, mixup=1.0, seed=3)["image"])
    assert not torch.equal(mixed["image"], collate(items, mixup=1.0, seed=4)["image"])


def test_processes_that_train_together_share_the_patches_of_an_epoch(monkeypatch):
    sampler = EpochSampler(7)
    sampler.set_epoch(2)
    assert list(sampler) == [(2, i) for i in range(7)]
    shares = []
    for rank in range(2):
        monkeypatch.setattr(module, "_place", lambda rank=rank: (rank, 2))
        shares.append(list(sampler))
        assert len(shares[-1]) == len(sampler) == 3
    assert sorted(shares[0] + shares[1]) == [(2, i) for i in range(6)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": [Choice(name="flipp")]}, "Did you mean 'flip'"),
        ({"target": Choice(name="sphere")}, "Did you mean 'spheres'"),
        ({"runs": [TrainingRun(RUNS[0].volume, RUNS[0].picks.of("small"))]}, "particle of large"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_first_patch(options, message):
    with pytest.raises(UserError, match=message):
        patches(**options)


def test_a_patch_takes_a_fraction_of_a_training_step():
    rng = np.random.default_rng(0)
    volume = Volume(rng.standard_normal((100, 200, 200)).astype(np.float16), 10.0)
    picks = Picks(rng.uniform(0, 990, (300, 3)), rng.choice(OBJECTS.names, 300))
    dataset = patches(
        [TrainingRun(volume, picks)],
        sampling={"patch": (96, 96, 96)},
        augment=[*ALL_STEPS[:2], Choice(name="intensity", probability=1.0)],
        stride=2,
    )
    start = time.process_time()
    for i in range(10):
        dataset[0, i]
    assert (time.process_time() - start) / 10 < 0.12  # about 0.01 s; a slip costs far more
