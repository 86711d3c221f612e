"""Modes of cells: one for each particle, however ragged its answer."""

import numpy as np

from samples.answers import balls, farthest
from tomoscout.core.geometry import Geometry
from tomoscout.pickers.mean_shift import Settings, find_picks


def pick(field, geometry, radius, threshold=0.3, **options):
    return find_picks(
        field, geometry=geometry, radius=radius, name="it", threshold=threshold,
        settings=Settings(**options),
    )  # fmt: skip


def test_splinters_of_one_particle_are_one_pick():
    geometry = Geometry((30, 30, 60), 10.0)
    rng = np.random.default_rng(1)
    planted = np.array([[150.0, 140, 150], [140, 150, 400]])
    ragged = balls(planted, geometry, 60.0, soft=0) * (rng.random(geometry.cells) < 0.2)
    picks = pick(ragged.astype(np.float16), geometry, 90.0)
    assert farthest(picks.zyx, planted) < 10.0


def test_a_pick_lies_where_its_ball_rests_and_counts_its_cells():
    geometry = Geometry((9, 9, 40), 10.0)
    score = np.zeros(geometry.cells, np.float32)
    score[4, 4, 8:11] = 0.4, 0.6, 1.0
    score[4, 4, 30] = 0.9
    picks = pick(score, geometry, 40.0, score="mean")
    middle = (80 * 0.4 + 90 * 0.6 + 100 * 1.0) / 2.0
    np.testing.assert_allclose(picks.zyx, [[40, 40, 300], [40, 40, middle]], atol=1e-6)
    np.testing.assert_allclose(picks.scores, [0.9, 2 / 3], rtol=1e-6)
    volume = 2 * 10.0**3 / (4 / 3 * np.pi * 40.0**3)  # of two cells
    assert len(pick(score, geometry, 40.0, min_volume=volume)) == 1


def test_balls_too_large_rest_between_neighbours():
    geometry = Geometry((20, 20, 60), 10.0)
    planted = np.array([[100.0, 100, 200], [100, 100, 300]])
    score = balls(planted, geometry, 30.0, soft=0)
    assert farthest(pick(score, geometry, 60.0).zyx, planted) < 1.0
    assert len(pick(score, geometry, 60.0, bandwidth=1.5)) == 1


def test_a_ball_is_never_smaller_than_a_cell():
    geometry = Geometry((9, 9, 9), 10.0, 1)
    score = np.zeros(geometry.cells, np.float32)
    score[4, 4, 4:6] = 0.5
    np.testing.assert_allclose(pick(score, geometry, 3.0, max_volume=1e3).zyx, [[40, 40, 45]])
