"""Objects of unlike sizes picked from one map: who drops whom, and by which picker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.settings import Choice
from tomoscout.inference.find_all import find_all
from tomoscout.inference.map_picking import MapPicking
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.together import joined
from tomoscout.pickers import PICKERS

NAMES = ("large", "small")
WIDE = Geometry((96, 96, 96), 10.0, stride=2)
BALLS = {"large": [(240.0, 240, 240), (700.0, 700, 300)], "small": [(700.0, 240, 700)]}


@pytest.fixture(scope="module")
def flat():
    """Balls of 150 and 50 Å radius, a little surer in the middle, and noise: many maxima each."""
    rng = np.random.default_rng(3)
    zyx = WIDE.to_angstrom(np.stack(np.indices(WIDE.cells), axis=-1).reshape(-1, 3))
    score = np.zeros((2, *WIDE.cells), np.float32)
    for channel, radius in enumerate((150.0, 50.0)):
        for centre in BALLS[NAMES[channel]]:
            apart = np.linalg.norm(zyx - centre, axis=1).reshape(WIDE.cells) / radius
            score[channel] += np.where(apart <= 1, 0.8 - 0.2 * apart**2, 0)
    return (score + 0.1 * rng.random(score.shape, np.float32)).astype(np.float16)


def unlike(detector):
    """The detector with objects of 150 and 50 Å."""
    rows = tuple({**row, "radius": 150.0 if row["name"] == "large" else 50.0}
                 for row in detector.card.objects)  # fmt: skip
    return replace(detector, card=detector.card.model_copy(update={"objects": rows}))


def test_a_large_particle_with_many_maxima_is_picked_once(detector, flat):
    model, scores = unlike(detector), ScoreMap(flat, NAMES, WIDE)
    picker = Choice(name="local_max", smooth=12.0)
    limits = dict.fromkeys(NAMES, 0.6)
    found = find_all(scores, model, thresholds=limits, picker=picker, together=True)
    assert [len(found.of(name)) for name in NAMES] == [2, 1]
    for name, centres in BALLS.items():
        apart = cdist(found.of(name).zyx, centres)
        assert apart.min(axis=1).max() < (75 if name == "large" else 25)
    joint = joined(scores, is_shared=True)
    alone = MapPicking(joint, 0, *picker.resolve(PICKERS), radius=50.0, threshold=0.6).find()
    assert len(alone) > 3  # the radius of the smallest does not do it


@pytest.mark.parametrize("name", ["components", "watershed"])
def test_pickers_of_regions_let_the_largest_through(detector, flat, name):
    """It fills 27 times the sphere of the smallest."""
    found = find_all(
        ScoreMap(flat, NAMES, WIDE), unlike(detector), thresholds=dict.fromkeys(NAMES, 0.6),
        picker=Choice(name=name), together=True,
    )  # fmt: skip
    assert [len(found.of(name)) for name in NAMES] == [2, 1]
    assert cdist(BALLS["large"], found.of("large").zyx).min(axis=1).max() < 30


@pytest.mark.parametrize("name", ["mean_shift", "linked_slices"])
def test_pickers_of_one_size_are_refused(detector, flat, name):
    with pytest.raises(UserError, match=r"one size at a time.* take components, local_max"):
        find_all(
            ScoreMap(flat, NAMES, WIDE), unlike(detector), thresholds=dict.fromkeys(NAMES, 0.6),
            picker=Choice(name=name), together=True,
        )  # fmt: skip


def test_there_is_one_picker(detector, flat):
    pickers = {"small": Choice(name="components"), "large": Choice(name="local_max", smooth=12.0)}
    with pytest.raises(UserError, match="share one picker: found local_max for 'large'"):
        find_all(
            ScoreMap(flat, NAMES, WIDE), unlike(detector), thresholds=dict.fromkeys(NAMES, 0.6),
            pickers=pickers, together=True,
        )  # fmt: skip


def test_maps_of_objects_that_the_weights_do_not_know_are_refused(detector, flat):
    scores = ScoreMap(flat, ("large", "other"), WIDE)
    limits = {"large": 0.5}
    assert len(find_all(scores, detector, thresholds=limits)) > 0
    with pytest.raises(UserError, match="score maps of other: weights does not say how large"):
        find_all(scores, detector, thresholds=limits, together=True)


def test_picks_of_an_object_do_not_hang_on_which_others_are_asked_for(detector):
    noise = np.random.default_rng(1).random((2, *WIDE.cells), np.float32) / 2
    scores, model = ScoreMap(noise, NAMES, WIDE), unlike(detector)
    every = find_all(scores, model, thresholds={"large": 0.7, "small": 0.5}, together=True)
    for name, floor in (("large", 0.7), ("small", 0.5)):
        alone = find_all(scores, model, thresholds={name: floor}, together=True)
        assert len(alone) > 5
        np.testing.assert_array_equal(alone.zyx, every.of(name).zyx)


def test_where_a_mask_is_searched_each_threshold_has_a_mask_of_its_own(detector, flat):
    picker = Choice(name="local_max", smooth=18.3, source="mask")
    scores, model = ScoreMap(flat, NAMES, WIDE), unlike(detector)
    limits = {"large": 0.6, "small": 0.3}
    found = find_all(scores, model, thresholds=limits, picker=picker, together=True)
    for name, floor in limits.items():
        alone = find_all(scores, model, thresholds={name: floor}, picker=picker, together=True)
        np.testing.assert_array_equal(found.of(name).zyx, alone.zyx)
    assert len(found.of("large")) == 2
