"""Objects that are sizes of one thing are picked from one map, each particle once."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
import zarr
from scipy.spatial.distance import pdist

from samples.maps import OnDisk
from tomoscout.core.geometry import Geometry
from tomoscout.core.settings import Choice
from tomoscout.inference.ensemble import join
from tomoscout.inference.find_all import find_all
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.together import joined, likeliest
from tomoscout.tuning.blend import Blended

GEOMETRY = Geometry((260, 64, 64), 10.0, stride=2)
NAMES = ("large", "small")
CENTRES = np.array(
    [(z, y, x) for z in range(100, 2500, 240) for y in (160, 460) for x in (160, 460)], float
)


def bumps(share_large) -> np.ndarray:
    """One bump of 0.96 for each centre, shared between the two objects."""
    cells = np.stack(np.meshgrid(*map(np.arange, GEOMETRY.cells), indexing="ij"), axis=-1)
    score = np.zeros((2, *GEOMETRY.cells), np.float32)
    for zyx, large in zip(CENTRES, share_large, strict=True):
        apart = np.linalg.norm(cells - GEOMETRY.to_cells(zyx[None])[0], axis=-1)
        bump = 0.96 * np.exp(-((apart / 2) ** 2) / 2)
        score += bump * np.array([large, 1 - large])[:, None, None, None]
    return score.astype(np.float16)


@pytest.fixture(scope="module")
def torn():
    """Maps that cannot say which of both each particle is, and lean to one of them."""
    return bumps(0.5 + 0.1 * (-1.0) ** np.arange(len(CENTRES)))


def pick(data, detector, floor=0.5, **how):
    limits = floor if isinstance(floor, dict) else dict.fromkeys(NAMES, floor)
    return find_all(ScoreMap(data, NAMES, GEOMETRY), detector, thresholds=limits, **how)


def test_a_particle_of_either_size_is_picked_once_and_not_twice_or_never(detector, torn):
    assert len(pick(torn, detector, 0.7)) == 0
    assert len(pick(torn, detector, 0.3)) == 2 * len(CENTRES)
    for floor in (0.3, 0.7):
        found = pick(torn, detector, floor, together=True)
        assert len(found) == len(CENTRES)
        order = np.lexsort(np.rint(found.zyx).T[::-1])
        np.testing.assert_allclose(found.zyx[order], CENTRES, atol=3.0)  # Å
        assert found.score_array.min() > 0.85
        assert found.extent == GEOMETRY.extent


def test_it_is_called_by_what_is_likeliest_there(detector, torn):
    found = pick(torn, detector, together=True)
    order = np.lexsort(np.rint(found.zyx).T[::-1])
    assert list(found.objects[order]) == ["large", "small"] * (len(CENTRES) // 2)
    assert [len(found.of(name)) for name in NAMES] == [len(CENTRES) // 2] * 2


def test_the_card_says_whether_and_a_caller_may_say_otherwise(detector, torn):
    card = detector.card.model_copy(update={"together": True})
    model = type(detector)(detector.network, card)
    assert len(pick(torn, model, 0.7)) == len(CENTRES)
    assert len(pick(torn, model, 0.7, together=False)) == 0


def test_each_object_has_its_threshold_and_those_without_are_not_picked(detector, torn):
    found = pick(torn, detector, {"large": 0.99, "small": 0.5}, together=True)
    assert found.names == ["small"]
    only = pick(torn, detector, {"small": 0.5}, together=True)
    np.testing.assert_array_equal(only.zyx, found.zyx)
    assert len(pick(torn, detector, {}, together=True)) == 0


def test_a_higher_threshold_only_drops_picks(detector):
    noise = np.random.default_rng(0).random((2, *GEOMETRY.cells), np.float32) / 2
    picker = Choice(name="local_max", smooth=20.0)
    all_ = pick(noise, detector, 0.4, together=True, picker=picker)
    assert len(all_) > 100
    for floor in (0.45, 0.5, 0.55):
        some = pick(noise, detector, floor, together=True, picker=picker)
        wanted = all_.above(dict.fromkeys(NAMES, floor))
        np.testing.assert_array_equal(some.zyx, wanted.zyx)
        np.testing.assert_array_equal(some.objects, wanted.objects)
    least = min(detector.objects[name].radius for name in NAMES)
    assert pdist(all_.zyx).min() > 1.2 * least  # of any two, whatever they are called


@pytest.mark.parametrize("name", ["local_max", "components"])
def test_maps_on_disk_give_the_same_in_parts(detector, torn, monkeypatch, name):
    part = importlib.import_module("tomoscout.inference.map_picking")
    monkeypatch.setattr(part, "_PART", 1)
    disk, picker = OnDisk(torn), Choice(name=name)
    found, wanted = (pick(d, detector, together=True, picker=picker) for d in (disk, torn))
    np.testing.assert_allclose(found.zyx, wanted.zyx, atol=1e-6)
    np.testing.assert_array_equal(found.objects, wanted.objects)
    assert len(wanted) == len(CENTRES)
    assert disk.most < 70 < GEOMETRY.cells[0]


def test_an_ensemble_picks_together_only_if_all_its_members_do(detector, torn):
    one, other = (
        replace(detector, card=detector.card.model_copy(update={"together": together}))
        for together in (True, False)
    )
    assert len(pick(torn, join([one, one]), 0.7)) == len(CENTRES)
    assert len(pick(torn, join([one, other]), 0.7)) == 0
    assert join([one, one]).is_joint
    own = replace(one, card=one.card.model_copy(update={"activation": "sigmoid"}))
    assert not join([own, own]).is_joint
    assert pick(torn, own, 0.5).score_array.max() < 0.7  # the larger of both maps, not their sum
    ranked = join([one, one], blend="ranks")
    assert pick(torn, ranked, 0.5).score_array.max() < 0.7  # ranks share no sum


def test_blended_maps_are_picked_together_as_well(detector, torn):
    parts = [ScoreMap(torn, NAMES, GEOMETRY), ScoreMap(torn[:, ::-1], NAMES, GEOMETRY)]
    mixed = Blended.equal(parts).with_shares(dict.fromkeys(NAMES, (1.0, 0.0)))
    found, wanted = (pick(data, detector, together=True) for data in (mixed.data, torn))
    np.testing.assert_allclose(found.zyx, wanted.zyx, atol=1e-6)
    np.testing.assert_array_equal(found.objects, wanted.objects)


def test_a_map_in_a_store_gives_the_same(detector, torn, tmp_path):
    store = zarr.create_array(tmp_path / "map.zarr", data=torn, chunks=(1, 32, 32, 32))
    found, wanted = (pick(data, detector, together=True) for data in (store, torn))
    np.testing.assert_allclose(found.zyx, wanted.zyx, atol=1e-6)
    np.testing.assert_array_equal(found.objects, wanted.objects)


def test_shares_add_up_and_answers_of_their_own_do_not():
    data = np.full((3, 4, 5, 6), 0.4, np.float16)
    data[:, 0] = 0.1
    scores = ScoreMap(data, ("a", "b", "c"), Geometry((8, 10, 12), 10.0, stride=2))
    for maps in (data, OnDisk(data)):
        scores = ScoreMap(maps, scores.objects, scores.geometry)
        shared, own = (
            np.asarray(joined(scores, is_shared=is_shared).data[0]) for is_shared in (True, False)
        )
        np.testing.assert_allclose([shared[0, 0, 0], shared[1, 0, 0]], [0.3, 1.0], atol=1e-3)
        np.testing.assert_allclose([own[0, 0, 0], own[1, 0, 0]], [0.1, 0.4], atol=1e-3)


def test_places_beyond_the_last_cell_are_called_by_it():
    data = np.zeros((2, 4, 5, 6), np.float16)
    data[1, -1, -1, -1] = 1
    geometry = Geometry((8, 10, 12), 10.0, stride=2)
    far = np.array([[75.0, 95.0, 115.0], [0.0, 0.0, 0.0]])
    assert likeliest(ScoreMap(data, NAMES, geometry), far).tolist() == [1, 0]
