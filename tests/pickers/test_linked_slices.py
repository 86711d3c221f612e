"""Particles found as chains of discs, in Å, and what lies on top of each other parted."""

import numpy as np
import pytest

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.pickers.linked_slices import Settings, find_picks
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
