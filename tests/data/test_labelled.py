import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data.labelled import HELD_OUT, HeldOut, LabelledDataset, collate_labelled
from tomoscout.data.places import Look, Places

SPACING = 10.0
SHAPE = (24, 30, 36)
PARTICLES = np.array([[60.0, 60.0, 60.0], [120.0, 150.0, 200.0], [180.0, 90.0, 290.0]])
BLOB = np.array([60.0, 230.0, 150.0])


def ramps():
    """A tomogram whose voxels say where they are: 10,000 z + 100 y + x."""
    z, y, x = np.indices(SHAPE).astype(np.float32)
    return Volume(10_000 * z + 100 * y + x, SPACING)


def places(zyx=PARTICLES, labels=(1, 2, 2), offset=0.0):
    zyx = np.asarray(zyx, float).reshape(-1, 3)
    return Places(Volume(ramps().data + offset, SPACING), zyx, np.asarray(labels, int))


def dataset(given, *, views=(), shift=0.0, crop=(4, 4, 4), **changed):
    options = {"background": 0.25, "lookalikes": 0.5, "apart": 80.0, "seed": 0}
    return LabelledDataset(given, look=Look(crop, views=views, shift=shift), **(options | changed))


def centre(item):
    """Where a crop of ramps lies, in ångström."""
    mean = float(item["crop"].double().mean())
    return np.array([mean // 10_000, mean % 10_000 // 100, mean % 100]) * SPACING


def test_particles_lie_in_the_middle_of_their_crop_and_keep_their_label():
    made = dataset([places()], background=0.0, crop=(1, 1, 1))
    for index in range(30):
        item = made[0, index]
        row = int(np.abs(PARTICLES - centre(item)).sum(axis=1).argmin())
        np.testing.assert_allclose(centre(item), PARTICLES[row])
        assert item["label"] == (1, 2, 2)[row]


def test_objects_come_alike_however_rare_and_background_as_often_as_asked_for():
    zyx = np.concatenate([PARTICLES[:1], np.tile(PARTICLES[1], (40, 1))])
    made = dataset([places(zyx, [1] + [2] * 40)], background=0.4)
    labels = np.array([made[0, i]["label"] for i in range(600)])
    shares = np.bincount(labels, minlength=3) / 600
    assert shares.tolist() == pytest.approx([0.4, 0.3, 0.3], abs=0.06)


def test_background_keeps_away_from_everything_that_is_none():
    given = places([*PARTICLES, [100.0, 30.0, 300.0]], (1, 2, 2, -1))
    made = dataset([given], background=1.0, lookalikes=0.0, crop=(1, 1, 1))
    found = np.array([centre(made[0, i]) for i in range(60)])
    assert cKDTree(given.zyx).query(found)[0].min() >= 80.0 - 9.0  # rounded to voxels
    assert np.ptp(found, axis=0).min() > 100.0  # and lies all over the tomogram


def test_lookalikes_are_background_unless_a_particle_is_there():
    near = PARTICLES[0] + [0.0, 0.0, 40.0]
    given = places([*PARTICLES, BLOB, near], (1, 2, 2, 0, 0))
    made = dataset([given], background=1.0, lookalikes=1.0, crop=(1, 1, 1))
    for index in range(20):
        item = made[0, index]
        assert item["label"] == 0
        np.testing.assert_allclose(centre(item), BLOB)


def test_background_lies_outside_of_large_particles_and_may_touch_small_ones():
    inside, beside = PARTICLES[1] + [0.0, 0.0, 110.0], PARTICLES[0] + [90.0, 0.0, 0.0]
    given = places([*PARTICLES[:2], inside, beside], (1, 2, 0, 0))
    radii = [50.0, 135.0]
    made = dataset([given], background=1.0, lookalikes=1.0, radii=radii, crop=(1, 1, 1))
    for index in range(10):
        np.testing.assert_allclose(centre(made[0, index]), beside)
    made = dataset([given], background=1.0, lookalikes=0.0, radii=radii, crop=(1, 1, 1))
    kept = held_out([given], background=0.9, most=40, radii=radii)
    drawn = [zyx for _, zyx, label in kept.rows if label == 0]
    found = np.array([*(centre(made[0, i]) for i in range(120)), *drawn])
    distance = np.linalg.norm(found[:, None] - PARTICLES[:2], axis=2)
    assert distance[:, 1].min() >= 135.0 - 9.0  # rounded to voxels
    assert 80.0 - 9.0 <= distance[:, 0].min() < 135.0 - 9.0


def test_what_nobody_knows_is_not_learnt():
    made = dataset([places(labels=(1, -1, -1))], background=0.2)
    assert {made[0, i]["label"] for i in range(60)} == {0, 1}


def test_a_crowded_tomogram_gives_the_emptiest_place_there_is():
    made = dataset([places()], background=1.0, lookalikes=0.0, apart=10_000.0)
    assert made[0, 0]["label"] == 0


def test_an_item_depends_on_its_key_and_the_seed_alone():
    views = (Choice(name="flip"), Choice(name="noise", probability=1.0))
    first, again = (dataset([places()], views=views, shift=20.0) for _ in range(2))
    _ = [again[0, i] for i in range(3)]  # what was asked for before does not matter
    assert torch.equal(first[2, 7]["crop"], again[2, 7]["crop"])
    other = dataset([places()], views=views, shift=20.0, seed=1)
    assert not torch.equal(first[2, 7]["crop"], other[2, 7]["crop"])


def test_tomograms_take_turns_and_batches_know_their_keys():
    made = dataset([places(), places(offset=1e6)], background=0.0)
    batch = collate_labelled([made[3, i] for i in range(4)])
    far = batch["crops"].mean(dim=(1, 2, 3, 4)) > 5e5
    assert far.tolist() == [False, True, False, True]
    assert batch["keys"].tolist() == [[3, 0], [3, 1], [3, 2], [3, 3]]


def held_out(given, **changed):
    options = {"crop": (1, 1, 1), "most": 100, "background": 0.25, "lookalikes": 0.0,
               "apart": 80.0, "seed": 0}  # fmt: skip
    return HeldOut(given, **(options | changed))


def test_held_out_particles_come_once_each_with_background_beside_them():
    made = held_out([places(), places(labels=(2, 1, -1))], background=0.5)
    batches = list(made.batches(4))
    labels = torch.cat([batch["labels"] for batch in batches])
    assert torch.bincount(labels).tolist() == [5, 2, 3]
    assert torch.cat([b["keys"] for b in batches])[:, 1].tolist() == list(range(len(made)))
    assert all(int(b["keys"][0, 0]) == HELD_OUT for b in batches)
    first = float(batches[0]["crops"][0].squeeze())
    assert first == 10_000 * 6 + 100 * 6 + 6  # neither shifted nor changed


def test_there_are_no_more_held_out_crops_than_asked_for_and_always_the_same():
    given = [places(np.tile(PARTICLES, (20, 1)), (1, 2, 2) * 20)]
    one, two = (held_out(given, most=16) for _ in range(2))
    assert len(one) == 16
    labels = next(one.batches(16))["labels"]
    assert int((labels == 0).sum()) == 4
    assert torch.equal(next(one.batches(16))["crops"], next(two.batches(16))["crops"])
