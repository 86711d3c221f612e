from functools import partial

import numpy as np
import pytest
import torch

from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data.views import PairDataset, Places, collate_pairs

SPACING = 10.0


def ramp(shape=(24, 30, 36), axis=2, offset=0.0):
    """A tomogram whose voxels say where they are along one axis."""
    values = np.arange(shape[axis], dtype=np.float32) + offset
    index = [None, None, None]
    index[axis] = slice(None)
    return Volume(np.broadcast_to(values[tuple(index)], shape).copy(), SPACING)


def places(volume, zyx, labels=None):
    zyx = np.asarray(zyx, float).reshape(-1, 3)
    return Places(volume, zyx, np.ones(len(zyx), int) if labels is None else np.asarray(labels))


def dataset(given, **changed):
    options = {"crop": (8, 8, 8), "views": (), "at_places": 1.0, "shift": 0.0}
    return PairDataset(given, **(options | {"seed": 0} | changed))


def test_a_crop_is_centred_on_its_place_in_angstrom():
    zyx = np.array([115.0, 145.0, 155.0])  # between voxels 15 and 16 along x
    item = dataset([places(ramp(), [zyx])])[0, 0]
    assert item["views"].shape == (2, 1, 8, 8, 8)
    assert item["views"].mean() == pytest.approx(15.5)
    np.testing.assert_array_equal(item["zyx"], zyx)


def test_two_views_are_shifted_and_changed_each_for_itself_within_bounds():
    made = dataset(
        [places(ramp(), [[115.0, 145.0, 155.0]])],
        shift=30.0,
        views=(Choice(name="noise", probability=1.0, sigma=0.01),),
    )
    centres = np.array([made[0, i]["views"].mean(dim=(1, 2, 3, 4)).numpy() for i in range(40)])
    assert np.abs(centres - 15.5).max() <= 3.5  # 30 Å, and half a voxel of rounding
    assert np.ptp(centres) > 4
    assert np.abs(centres[:, 0] - centres[:, 1]).max() > 1


def test_views_of_slices_stay_in_their_slice():
    made = dataset([places(ramp(axis=0), [[110.0, 150.0, 150.0]])], crop=(1, 8, 8), shift=50.0)
    for index in range(10):
        views = made[0, index]["views"]
        assert views.shape == (2, 1, 1, 8, 8)
        np.testing.assert_allclose(views.numpy(), 11.0)


def test_an_item_depends_on_its_key_and_the_seed_alone():
    views = (Choice(name="flip"), Choice(name="noise", probability=1.0))
    given = [places(ramp(), np.full((5, 3), 120.0) + np.arange(5)[:, None])]
    first, again = (dataset(given, views=views, at_places=0.5, shift=20.0) for _ in range(2))
    _ = [again[0, i] for i in range(3)]  # what was asked for before does not matter
    assert torch.equal(first[2, 7]["views"], again[2, 7]["views"])
    other = dataset(given, views=views, at_places=0.5, shift=20.0, seed=1)
    assert not torch.equal(first[2, 7]["views"], other[2, 7]["views"])


def test_tomograms_take_turns_in_a_batch():
    given = [places(ramp(offset=100.0 * k), [[120.0, 150.0, 150.0]]) for k in range(3)]
    runs = [dataset(given)[0, i]["run"] for i in range(6)]
    assert runs == [0, 1, 2, 0, 1, 2]


def test_crops_that_lie_anywhere_have_no_label_and_stay_inside():
    made = dataset([places(ramp(), [[0.0, 0.0, 0.0]], [3])], at_places=0.0)
    items = [made[0, i] for i in range(50)]
    assert {item["label"] for item in items} == {-1}
    found = np.array([item["zyx"] for item in items])
    assert (found >= 0).all()
    assert (found <= np.subtract((24, 30, 36), 1) * SPACING).all()
    assert np.ptp(found, axis=0).min() > 100.0
    assert dataset([places(ramp(), [[0.0, 0.0, 0.0]], [3])])[0, 0]["label"] == 3


def test_places_that_are_near_in_the_same_tomogram_are_no_negatives():
    near = [[100.0, 100.0, 100.0], [100.0, 100.0, 150.0]]
    given = [places(ramp(), near[:1]), places(ramp(), near[:1]), places(ramp(), near[1:])]
    items = [dataset(given)[0, i] for i in range(3)]
    items.append(dict(items[2], run=0))  # 50 Å from the first, in its tomogram
    conflict = partial(collate_pairs, apart=60.0)(items)["conflict"].numpy()
    assert conflict[0, 3]
    assert conflict[3, 4 + 0]  # the other view of it too
    assert not conflict[0, 1]  # the same place, but another tomogram
    assert not conflict[1, 2]
    assert collate_pairs(items, apart=60.0)["views"].shape == (2, 4, 1, 8, 8, 8)
