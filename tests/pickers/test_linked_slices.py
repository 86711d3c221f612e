"""Particles found as chains of discs, in Å, and what lies on top of each other parted."""

import numpy as np
import pytest

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.pickers.linked_slices import Settings, find_picks, is_nested
from tomoscout.targets import discs


def ideal(zyx, radius: float, geometry: Geometry) -> np.ndarray:
    """The score map of a detector that makes no mistake: the square root of the sizes."""
    table = ObjectTable(objects=(ObjectType(name="it", radius=radius),))
    target = discs.encode(
        Picks(np.array(zyx), "it"), objects=table, geometry=geometry, settings=discs.Settings()
    )
    return np.sqrt(target[0]).astype(np.float16)


def pick(score, geometry, radius, threshold=0.3, **options) -> Picks:
    return find_picks(
        score, geometry=geometry, radius=radius, name="it", threshold=threshold,
        settings=Settings(**options),
    )  # fmt: skip


def found_within(picks: Picks, truth: np.ndarray) -> float:
    """Largest distance of a truth to its nearest pick, when the counts agree."""
    assert len(picks) == len(truth)
    return np.linalg.norm(picks.zyx[:, None] - truth, axis=-1).min(axis=0).max()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0.6, 0.8, 0), (0.8, 0, 0.6)])
@pytest.mark.parametrize(("radius", "distance"), [(150.0, 240.0), (60.0, 100.0)])
def test_touching_particles_come_back_as_two(radius, distance, direction, stride):
    geometry = Geometry((64, 72, 80), 10.0, stride)
    truth = np.array(
        [[183.0, 214, 233], np.array([183.0, 214, 233]) + distance * np.array(direction)]
    )
    picks = pick(ideal(truth, radius, geometry), geometry, radius)
    assert found_within(picks, truth) < 0.2 * radius


def test_centres_come_back_below_a_cell():
    geometry = Geometry((48, 64, 64), 10.0, 2)
    truth = np.array([[203.0, 187, 412], [251.0, 493, 166], [150.0, 400, 500]])
    picks = pick(ideal(truth, 90.0, geometry), geometry, 90.0)
    assert found_within(picks, truth) < 5.0
    assert picks.scores.min() > 0.9


def test_a_particle_half_outside_is_found_near_its_centre():
    geometry = Geometry((48, 48, 48), 10.0, 2)
    truth = np.array([[25.0, 240, 240]])
    assert (
        found_within(pick(ideal(truth, 150.0, geometry), geometry, 150.0), truth) < 45
    )  # a hit is 75


def test_a_spot_in_one_slice_scores_less_than_a_chain_and_drops_out():
    geometry = Geometry((20, 40, 40), 20.0)
    score = np.zeros(geometry.cells, np.float32)
    score[5, 10, 10] = 0.9
    score[8:12, 30, 30] = 0.7
    picks = pick(score, geometry, 150.0)
    np.testing.assert_allclose(picks.zyx, [[190.0, 600, 600]])
    np.testing.assert_allclose(picks.scores, [0.7], atol=1e-6)
    assert len(pick(score, geometry, 150.0, threshold=0.2)) == 2  # 0.9 over four slices is 0.225


def test_a_missing_slice_is_bridged_and_two_are_not():
    geometry = Geometry((20, 40, 40), 10.0)
    for gap, count in ((1, 1), (2, 2)):
        score = np.zeros(geometry.cells, np.float32)
        score[5:8, 10, 10] = score[8 + gap : 11 + gap, 10, 10] = 0.8
        assert len(pick(score, geometry, 30.0)) == count


def test_a_flat_top_of_two_cells_lies_between_them():
    geometry = Geometry((5, 9, 9), 10.0)
    score = np.zeros(geometry.cells, np.float32)
    score[1:4, 4, 3:5] = 0.6
    np.testing.assert_allclose(pick(score, geometry, 30.0).zyx, [[20.0, 40.0, 35.0]])


@pytest.mark.parametrize("rule", ["chain", "cluster"])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_challenges_rules_find_what_is_planted_on_slices_of_any_distance(rule, stride):
    geometry = Geometry((64, 72, 80), 10.0, stride)
    truth = np.array([[183.0, 214, 233], [203.0, 187, 512], [451.0, 493, 166]])
    picks = pick(ideal(truth, 90.0, geometry), geometry, 90.0, rule=rule)
    assert found_within(picks, truth) < 10.0
    assert picks.extent == geometry.extent


@pytest.mark.parametrize(("stride", "slices"), [(1, 9), (2, 4), (3, 3)])
def test_cluster_wants_nine_slices_of_a_ribosome_or_as_many_as_cut_as_much_of_it(stride, slices):
    geometry = Geometry((60, 30, 30), 10.0, stride)
    for count, expected in ((slices - 1, 0), (slices, 1)):
        score = np.zeros(geometry.cells, np.float32)
        score[2 : 2 + count, 5, 5] = 0.8
        picks = find_picks(
            score, geometry=geometry, radius=150.0, name="ribosome", threshold=0.1,
            settings=Settings(rule="cluster"),
        )  # fmt: skip
        assert len(picks) == expected


def test_a_rule_scores_by_evidence_and_a_threshold_only_drops():
    """Four boxes of 0.4: 1.6 / sqrt(4) is 0.8, and 1 - exp(-0.8) is 0.551; of 0.6, 0.699."""
    geometry = Geometry((20, 40, 40), 10.0)
    score = np.zeros(geometry.cells, np.float32)
    score[4:8, 10, 10], score[4:8, 30, 30] = 0.4, 0.6
    low, high = (pick(score, geometry, 60.0, threshold=t, rule="chain") for t in (0.1, 0.6))
    np.testing.assert_allclose(low.scores, [1 - np.exp(-1.2), 1 - np.exp(-0.8)], atol=1e-6)
    np.testing.assert_allclose(high.zyx, low.zyx[:1])
    assert is_nested(Settings(rule="chain"))
    assert not is_nested(Settings())
