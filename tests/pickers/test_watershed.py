"""Basins: flat blobs parted at their necks, peaks in the valleys between them."""

import numpy as np
import pytest

from samples.answers import balls, bumps, farthest
from tomoscout.core.geometry import Geometry
from tomoscout.pickers import _basins
from tomoscout.pickers.watershed import Settings, find_picks

RIBOSOME, FERRITIN = 150.0, 60.0


def pick(score, geometry, radius, threshold=0.3, **options):
    return find_picks(
        score, geometry=geometry, radius=radius, name="it", threshold=threshold,
        settings=Settings(**options),
    )  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("radius", "gap"), [(RIBOSOME, 240.0), (FERRITIN, 100.0)])
def test_flat_balls_of_full_size_are_parted_at_their_necks(radius, gap, stride):
    geometry = Geometry((42, 60, 60), 10.0, stride)
    shift = gap * np.array([0, 0.6, 0.8])
    planted = np.array([204.0, 190, 180]) + np.outer([0, 1], shift)
    score = balls(planted, geometry, radius, soft=0)  # they overlap
    cut = 0.1 * radius  # a middle moves outwards by what the neighbour cuts off
    assert farthest(pick(score, geometry, radius).zyx, planted) < cut + 5 * stride


def test_a_triangle_of_touching_balls_is_parted():
    geometry = Geometry((40, 70, 70), 10.0)
    planted = np.array([[200.0, 180, 180], [200, 420, 180], [200, 300, 388]])
    score = balls(planted, geometry, RIBOSOME, soft=0)
    assert farthest(pick(score, geometry, RIBOSOME).zyx, planted) < 15.0


def test_on_the_score_peaks_are_parted_that_have_no_neck():
    geometry = Geometry((24, 24, 50), 10.0)
    planted = np.array([[110.0, 115, 150], [110, 115, 250]])
    score = np.maximum(bumps(planted, geometry, 25.0), 0.35 * balls(
        [[110.0, 115, 200]], geometry, 100.0, soft=0
    ))  # fmt: skip
    picks = pick(score, geometry, FERRITIN, relief="score")
    assert len(picks) == 2
    assert farthest(picks.zyx, planted) < 20.0  # the ball they stand on pulls outwards
    assert len(pick(score, geometry, FERRITIN, relief="distance")) == 1


def test_a_saturated_answer_gives_one_basin_on_the_score():
    geometry = Geometry((30, 30, 30), 10.0)
    score = np.minimum(1, 20 * bumps([[150.0, 145, 140]], geometry, 30.0)).astype(np.float16)
    picks = pick(score, geometry, FERRITIN, relief="score")
    assert farthest(picks.zyx, np.array([[150.0, 145, 140]])) < 1.0


def test_seeds_are_as_far_apart_as_asked():
    geometry = Geometry((30, 30, 70), 10.0)
    planted = np.array([[150.0, 150, 150], [150, 150, 240], [150, 150, 330]])
    score = bumps(planted, geometry, 30.0)
    for apart, count in ((0.95, 3), (1.05, 2), (1.95, 2), (2.05, 1)):
        assert len(pick(score, geometry, 90.0, relief="score", apart=apart, distance=0)) == count


def test_a_seed_drops_none_of_another_blob():
    geometry = Geometry((20, 20, 40), 10.0)
    planted = np.array([[100.0, 100, 120], [100, 100, 200]])
    score = balls(planted, geometry, 30.0, soft=0)
    picks = pick(score, geometry, 90.0, distance=0)  # nearer to each other than the seeds of one
    assert farthest(picks.zyx, planted) < 1e-6


def test_small_basins_are_dropped():
    geometry = Geometry((24, 24, 50), 10.0)
    score = np.maximum(
        balls([[110.0, 115, 130]], geometry, 60.0, soft=0),
        balls([[110.0, 115, 350]], geometry, 25.0, soft=0),
    )
    assert len(pick(score, geometry, FERRITIN)) == 2
    picks = pick(score, geometry, FERRITIN, min_volume=0.2)
    np.testing.assert_allclose(picks.zyx, [[110, 115, 130]], atol=1.0)


def test_blobs_laid_out_in_many_batches_give_the_same(monkeypatch):
    geometry = Geometry((40, 50, 60), 10.0)
    rng = np.random.default_rng(5)
    score = balls(rng.random((40, 3)) * (400, 500, 600), geometry, 45.0)
    whole = pick(score, geometry, FERRITIN)
    monkeypatch.setattr(_basins, "_ROOM", 1000)
    parts = pick(score, geometry, FERRITIN)
    assert len(whole) > 20
    np.testing.assert_array_equal(whole.zyx, parts.zyx)
    np.testing.assert_array_equal(whole.scores, parts.scores)
