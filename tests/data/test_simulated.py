"""Patches of tomograms that come and go: the same for the same key, whatever came before."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data import simulated
from tomoscout.data.module import EpochSampler, PatchDataset, collate
from tomoscout.data.sampling import SamplingSettings
from tomoscout.data.simulated import DataSettings, SimulatedTomograms, validation_tomograms
from tomoscout.data.streams import Streams
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.simulation import Scene, Simulated, preset
from tomoscout.simulation.preset import Vary

OBJECTS = ObjectTable(objects=(CZII["ribosome"], CZII["apo-ferritin"]))
SCENE = Scene(
    shape=(40, 64, 64), ice=(0.9, 0.95), vesicles=0, beads=0, carbon=0, debris=0, crowding=15
)
PATCH = (32, 32, 32)


def settings(**options) -> DataSettings:
    small = {"scene": SCENE, "patches_per_tomogram": 4, "streams": 2, "kept": 2}
    return DataSettings(source="simulation", **small | options)


def supply(seed: int = 0, batches: int = 4, **options) -> SimulatedTomograms:
    given = settings(**options)
    return SimulatedTomograms(
        given,
        objects=OBJECTS,
        sampling=SamplingSettings(patch=PATCH),
        normalise=NormaliseSettings(),
        streams=Streams(given.streams, batches=batches, batch_size=2),
        seed=seed,
    )


def patches(seed: int = 0, **options) -> PatchDataset:
    return PatchDataset(supply(seed, **options), objects=OBJECTS, patch=PATCH, stride=2, seed=seed)


@pytest.fixture
def quick(monkeypatch):
    """Replace the simulation by noise that takes no time; return what was asked for."""
    asked = []

    def fake(*, seed, scene, objects, name, **_):
        rng = np.random.default_rng(seed)
        asked.append((name, seed, scene.voxel_spacing))
        data = rng.standard_normal(scene.shape).astype(np.float32)
        zyx = rng.uniform(0, np.array(scene.shape) - 1, (8, 3)) * scene.voxel_spacing
        picks = Picks(zyx, np.array(objects.names * 4), run=name)
        volume = Volume(data, scene.voxel_spacing, name)
        return Simulated({"denoised": volume}, picks, None, None, {})

    monkeypatch.setattr(preset, "simulate", fake)
    return asked


def test_a_patch_shows_dark_particles_where_its_target_marks_them():
    dataset = PatchDataset(
        supply(vary=Vary(spacing=0.1)), objects=OBJECTS, patch=PATCH, augment=(), stride=2
    )
    marked, all_of_it = [], []
    for i in range(8):
        sample = dataset[0, i]
        image = sample["image"][0]
        assert image.shape == PATCH
        assert sample["target"].shape == (2, 16, 16, 16)
        ribosomes = torch.nn.functional.interpolate(sample["target"][None, :1], scale_factor=2)
        near = torch.nn.functional.max_pool3d(ribosomes, 7, 1, 3)[0, 0] > 0
        marked.append(image[near])
        all_of_it.append(image.flatten())
    # A ribosome is 25 voxels wide: the middle of it is all protein, which is dark.
    assert torch.cat(marked).mean() < torch.cat(all_of_it).mean() - 0.8
    assert 0.8 < torch.cat(all_of_it).std() < 1.6  # normalised; more particles than elsewhere


def test_the_same_key_gives_the_same_bytes_whatever_came_before():
    """One asks from the start, the other jumps in the middle, as a resumed training does."""
    first, second = patches(), patches()
    keys = [(epoch, i) for epoch in range(3) for i in range(8)]
    in_order = {key: first[key] for key in keys}
    for key in [(2, 5), (0, 1), (2, 7), (1, 2)]:
        again = second[key]
        assert torch.equal(in_order[key]["image"], again["image"])
        assert torch.equal(in_order[key]["target"], again["target"])
    assert not torch.equal(in_order[0, 0]["image"], in_order[1, 0]["image"])
    assert not torch.equal(in_order[0, 0]["image"], patches(seed=1)[0, 0]["image"])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_and_one_process_give_the_same_batches_of_every_epoch():
    seen = []
    for workers in (0, 2):
        sampler = EpochSampler(8)
        loader = DataLoader(
            patches(),
            batch_size=2,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            multiprocessing_context="fork" if workers else None,
            collate_fn=collate,
        )
        for epoch in (0, 1):
            sampler.set_epoch(epoch)
            seen.append([batch["image"] for batch in loader])
    for one, two in zip(seen[:2], seen[2:], strict=True):
        assert len(one) == 4
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_every_tomogram_is_simulated_once_and_replaced_after_its_share_of_patches(quick):
    dataset = patches()
    for epoch in range(4):
        for i in range(8):
            dataset[epoch, i]
    # 32 patches in 2 streams, 4 patches per tomogram: 4 tomograms each.
    assert sorted(name for name, *_ in quick) == [f"simulated {n}" for n in range(8)]
    assert len({seed for _, seed, _ in quick}) == 8


def test_patches_come_from_all_tomograms_alive_and_from_no_other(quick):
    tomograms = supply(batches=100, streams=1, kept=3)
    rng = np.random.default_rng(0)
    drawn = [tomograms.draw((0, i), rng).run.name for i in range(200)]
    for i, name in enumerate(drawn):
        newest = i // 4
        assert newest - 3 < int(name.split()[1]) <= newest
    ages = [i // 4 - int(name.split()[1]) for i, name in enumerate(drawn)]
    assert {ages.count(age) > 40 for age in range(3)} == {True}
    assert sum(len(alive) for alive in tomograms._alive.values()) == 3


def test_voxel_spacings_scatter_about_the_scenes_and_move_the_marks_along(quick):
    tomograms = supply(batches=100, streams=1, kept=1, vary=Vary(spacing=0.05))
    for i in range(0, 160, 4):
        tomograms.draw((0, i), np.random.default_rng(0))
    relative = np.array([spacing for *_, spacing in quick]) / SCENE.voxel_spacing
    assert 0.95 <= relative.min() < 0.97
    assert 1.03 < relative.max() <= 1.05
    assert tomograms._pools[0].runs[0].voxel_spacing == quick[-1][2]


def test_validation_never_meets_training_and_is_the_same_for_every_seed(quick):
    validation_tomograms(settings(validation=3), objects=OBJECTS)
    held_out = {seed for _, seed, _ in quick}
    assert [spacing for *_, spacing in quick] == [SCENE.voxel_spacing] * 3
    quick.clear()
    for seed in range(2):
        tomograms = supply(seed, batches=100, streams=1, kept=1)
        for i in range(0, 80, 4):
            tomograms.draw((0, i), np.random.default_rng(0))
    trained_on = {seed for _, seed, _ in quick}
    assert len(held_out) == 3
    assert len(trained_on) == 40
    assert not held_out & trained_on


def test_bright_protein_is_simulated_bright_and_trained_on_dark(quick):
    (dark, _), (bright, truth) = (
        validation_tomograms(settings(validation=1), objects=OBJECTS, bright=bright)[0]
        for bright in (False, True)
    )
    np.testing.assert_array_equal(dark.read(), -bright.read())
    assert (truth.run, bright.name) == ("simulated-0", "simulated-0")
    given = settings()
    plain, inverted = (
        SimulatedTomograms(
            given,
            objects=OBJECTS,
            sampling=SamplingSettings(patch=PATCH),
            normalise=NormaliseSettings(invert=invert),
            streams=Streams(2, batches=4),
        ).draw((0, 0), np.random.default_rng(0))
        for invert in (False, True)
    )
    np.testing.assert_array_equal(plain.run.volume.read(), inverted.run.volume.read())


def test_an_object_that_never_occurs_is_refused_before_the_first_patch():
    scene = SCENE.model_copy(update={"counts": {"ribosome": 2}})
    with pytest.raises(UserError, match=r"no particle of apo-ferritin in the first 2 simulated"):
        supply(scene=scene)


def test_one_that_is_missing_now_and_then_is_not(quick, monkeypatch):
    tomograms = supply(batches=100, streams=2, kept=1)
    run = tomograms._alive[0][0]
    monkeypatch.setattr(simulated, "load_run", lambda *_, **__: lacking)
    lacking = type(run)(run.volume, run.picks.of("ribosome"))
    assert tomograms.draw((5, 0), np.random.default_rng(0)).run is lacking
