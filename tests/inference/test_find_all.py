"""Score maps that are picked in parts give the picks of the whole map."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy import ndimage

from samples.maps import OnDisk
from tomoscout.core.geometry import Geometry
from tomoscout.core.settings import Choice
from tomoscout.inference.detect import ScoreMap
from tomoscout.inference.find_all import choose_picker, find_all
from tomoscout.pickers import PICKERS

from_parts = importlib.import_module("tomoscout.inference.map_picking")
GEOMETRY = Geometry((301, 60, 72), 10.0, stride=2)


def two_maps(seed=0, saturated=False) -> np.ndarray:
    """Bumps of two objects in noise, many of them near the ends of parts."""
    rng = np.random.default_rng(seed)
    score = np.zeros((2, *GEOMETRY.cells), np.float32)
    for channel in score:
        at = rng.integers(0, GEOMETRY.cells, (120, 3))
        at[:60, 0] = rng.choice([30, 31, 32, 33, 63, 64, 95, 96], 60)
        channel[tuple(at.T)] = rng.random(120) + 0.2
    score = np.stack([ndimage.gaussian_filter(channel, 1.4) for channel in score])
    score = score / score.max(axis=(1, 2, 3), keepdims=True)
    score = np.clip(score * (3 if saturated else 1), 0, 1)  # flat tops many planes deep
    noise = rng.random(score.shape).astype(np.float32)
    return np.clip(score + 0.05 * noise * (score < 1), 0, 1).astype(np.float16)


def pick(data, detector, floor=0.1, **choice):
    scores = ScoreMap(data, ("large", "small"), GEOMETRY)
    return find_all(scores, detector, thresholds={"large": floor, "small": floor}, **choice)


def assert_same(found, wanted, atol=0.0):
    assert len(wanted) > 50
    assert list(found.objects) == list(wanted.objects)
    np.testing.assert_allclose(found.zyx, wanted.zyx, rtol=0, atol=atol)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=0, atol=atol)
    assert found.extent == wanted.extent


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(from_parts, "_PART", 1)


@pytest.mark.parametrize("saturated", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"smooth": 15.0}, {"distance": 0.1}, {"smooth": 40.0, "distance": 3.0}]
)
def test_maxima_of_parts_are_those_of_the_whole_map_to_the_last_bit(
    detector, small_parts, options, saturated
):
    data, picker = two_maps(saturated=saturated), Choice(name="local_max", **options)
    disk = OnDisk(data)
    assert_same(pick(disk, detector, picker=picker), pick(data, detector, picker=picker))
    assert disk.most < 60


@pytest.mark.parametrize("name", [n for n in PICKERS.names() if n != "linked_slices"])
def test_every_picker_gives_the_same_from_disk(detector, small_parts, name):
    data, picker = two_maps(seed=1), Choice(name=name)
    found, wanted = (pick(d, detector, picker=picker, floor=0.3) for d in (OnDisk(data), data))
    assert_same(found, wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["components", "watershed", "mean_shift"])
def test_particles_of_cells_below_the_threshold_are_the_same_from_disk(detector, small_parts, name):
    data, picker = two_maps(seed=1), Choice(name=name, cells=0.25)
    found, wanted, all_ = (
        pick(d, detector, picker=picker, floor=floor)
        for d, floor in ((OnDisk(data), 0.4), (data, 0.4), (OnDisk(data), 0.1))
    )
    assert_same(found, wanted, atol=1e-6)
    assert_same(found, all_.above({"large": 0.4, "small": 0.4}))
    assert len(found) < len(all_)
    assert all_.score_array.min() >= 0.25


def test_a_picker_without_halo_gets_the_whole_map(detector, small_parts):
    data, picker = two_maps(), Choice(name="linked_slices")
    disk = OnDisk(data)
    module = PICKERS["linked_slices"]
    found, wanted = (pick(d, detector, picker=picker, floor=0.3) for d in (disk, data))
    assert_same(found, wanted)
    assert hasattr(module, "halo") or disk.most == GEOMETRY.cells[0]


def test_a_halo_is_enough_for_pickers_of_one_step(detector, small_parts, monkeypatch):
    """A picker that tells no more than how far its picks depend on cells."""
    module = PICKERS["local_max"]

    class OneStep:
        Settings = module.Settings
        find_picks = staticmethod(module.find_picks)
        halo = staticmethod(lambda radius, settings: 2 * radius)

    picker = Choice(name="local_max", distance=0.1)
    data = two_maps()
    wanted = pick(data, detector, picker=picker)
    monkeypatch.setattr(Choice, "resolve", lambda c, _: (OneStep, OneStep.Settings(**c.options)))
    disk = OnDisk(data)
    assert_same(pick(disk, detector, picker=picker), wanted, atol=1e-9)
    assert disk.most < 60


def test_a_value_that_is_no_number_is_told_wherever_it_lies(detector, small_parts):
    data = two_maps()
    data[1, 140, 3, 4] = np.nan
    with pytest.raises(ValueError, match="'small' holds values that are not numbers"):
        pick(OnDisk(data), detector)


def test_an_objects_own_picker_comes_before_the_one_for_all_and_the_cards(detector):
    one, two, three = (Choice(name="local_max", distance=d) for d in (0.5, 1.0, 2.0))
    card = detector.card.model_copy(update={"pickers": {"small": three}})
    model = type(detector)(detector.network, card)
    assert choose_picker(model, "large") == card.picker
    assert choose_picker(model, "small") == three
    assert choose_picker(model, "small", picker=two) == two
    assert choose_picker(model, "small", picker=two, pickers={"small": one}) == one
    assert choose_picker(model, "large", picker=two, pickers={"small": one}) == two


def test_objects_may_have_pickers_of_their_own(detector):
    data = two_maps()
    wide = Choice(name="local_max", distance=6.0)
    few = pick(data, detector, pickers={"small": wide})
    many = pick(data, detector)
    np.testing.assert_array_equal(few.of("large").zyx, many.of("large").zyx)
    assert len(few.of("small")) < 0.7 * len(many.of("small"))
