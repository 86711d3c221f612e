import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist, pdist

from samples.answers import bumps
from tomoscout.core.geometry import Geometry
from tomoscout.pickers import _touching
from tomoscout.pickers._maxima import maxima
from tomoscout.pickers.local_max import Settings, find_picks

FERRITIN, RIBOSOME = 60.0, 150.0


def pick(score, geometry, radius=RIBOSOME, threshold=0.3, **options):
    return find_picks(
        score,
        geometry=geometry,
        radius=radius,
        name="ribosome",
        threshold=threshold,
        settings=Settings(**options),
    )


def bare(score, *, spacing=10.0, **options):
    """Picks of a map made by hand, in cells, without suppression beyond one cell."""
    options = {"radius": spacing, "distance": 1.0} | options
    return pick(score, Geometry(score.shape, spacing), **options)


def assert_same_places(found, planted, atol):
    distance = cdist(found, planted)
    assert len(found) == len(planted)
    assert sorted(distance.argmin(axis=1)) == list(range(len(planted)))
    assert distance.min(axis=1).max() < atol


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("dtype", "atol"), [(np.float32, 0.01), (np.float16, 0.3)])
def test_planted_centres_come_back_in_angstrom(stride, dtype, atol):
    geometry = Geometry((30, 44, 60), 10.012444, stride)
    planted = np.array([[63.3, 80.0, 97.5], [170.1, 224.4, 301.7], [150.0, 330.2, 497.9]])
    picks = pick(bumps(planted, geometry, 25.0, dtype), geometry)
    assert_same_places(picks.zyx, planted, atol)
    assert picks.extent == geometry.extent
    assert picks.run == ""
    assert picks.names == ["ribosome"]


@pytest.mark.parametrize("stride", [1, 2])
def test_touching_ribosomes_are_parted(stride):
    geometry = Geometry((40, 60, 60), 10.0, stride)
    planted = np.array([[200.0, 180, 180], [200, 420, 180], [200, 300, 388]])  # 240 Å apart
    picks = pick(bumps(planted, geometry, 75.0), geometry)
    assert_same_places(picks.zyx, planted, 3.0)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_string_of_ferritins_100_angstrom_apart_is_parted(stride):
    geometry = Geometry((20, 20, 70), 10.0, stride)
    planted = np.array([[97.0, 104.0, 55.0 + 100 * i] for i in range(6)])
    picks = pick(bumps(planted, geometry, 25.0), geometry, radius=FERRITIN)
    assert_same_places(picks.zyx, planted, 1.0)


def test_the_closest_ribosomes_of_the_challenge_survive_and_nearer_ones_do_not():
    geometry = Geometry((20, 20, 60), 10.0)
    for gap, expected in ((209.0, 2), (170.0, 1)):
        planted = np.array([[100.0, 100, 150], [100, 100, 150 + gap]])
        assert len(pick(bumps(planted, geometry, 30.0), geometry)) == expected


def test_distance_is_a_fraction_of_the_radius():
    geometry = Geometry((20, 20, 60), 10.0)
    score = bumps([[100.0, 100, 150], [100, 100, 270]], geometry, 30.0)
    assert len(pick(score, geometry, distance=0.75)) == 2  # 112.5 Å
    assert len(pick(score, geometry, distance=0.85)) == 1  # 127.5 Å


def test_of_two_near_picks_the_better_is_kept_and_keeps_its_score():
    score = np.zeros((9, 9, 30), np.float32)
    score[4, 4, 10], score[4, 4, 14], score[4, 4, 26] = 0.6, 0.9, 0.7
    picks = bare(score, radius=100.0, distance=0.5)
    np.testing.assert_allclose(picks.zyx[:, 2], [140.0, 260.0])
    np.testing.assert_allclose(picks.scores, [0.9, 0.7], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize(
    ("shape", "middle"), [((1, 1, 3), (0, 0, 10)), ((2, 1, 1), (5, 0, 0)), ((3, 3, 3), (10,) * 3)]
)
def test_a_flat_top_gives_one_pick_in_its_middle(dtype, shape, middle):
    score = np.zeros((12, 12, 12), dtype)
    score[tuple(slice(4, 4 + n) for n in shape)] = 1.0
    picks = bare(score)
    np.testing.assert_allclose(picks.zyx, [np.array([40.0, 40, 40]) + middle], atol=1e-6)


def test_a_wide_saturated_ball_gives_one_pick_at_its_centre():
    geometry = Geometry((40, 40, 40), 10.0)
    score = np.minimum(1.0, 20 * bumps([[203.0, 195, 188]], geometry, 40.0)).astype(np.float16)
    assert (score == 1).sum() > 1000
    picks = pick(score, geometry)
    assert_same_places(picks.zyx, np.array([[203.0, 195, 188]]), 3.0)


def test_a_flat_map_gives_one_pick_in_the_middle(monkeypatch):
    monkeypatch.setattr(_touching, "_MANY", 100)
    picks = bare(np.full((20, 20, 20), 0.5, np.float16))
    np.testing.assert_allclose(picks.zyx, [[95.0, 95.0, 95.0]], atol=1.0)


def test_peaks_on_faces_edges_and_corners_stay():
    score = np.zeros((35, 9, 9), np.float32)  # more planes than one slab
    for place in ((0, 0, 0), (34, 8, 8), (0, 4, 4), (15, 0, 5), (16, 8, 0), (34, 4, 0)):
        score[place] = 0.8
    picks = bare(score)
    assert_same_places(picks.zyx, np.argwhere(score) * 10.0, 1e-6)


def test_rows_do_not_run_into_each_other():
    score = np.zeros((4, 4, 4), np.float32)
    score[1, 1, 3], score[1, 2, 0] = 0.9, 0.8  # neighbours in memory, far apart in space
    assert len(bare(score)) == 2


def test_a_peak_in_cells_that_hang_over_the_edge_is_put_inside():
    geometry = Geometry((11, 11, 11), 10.0, 2)
    score = np.zeros(geometry.cells, np.float32)
    score[5, 5, 5] = 0.9
    picks = pick(score, geometry)
    np.testing.assert_allclose(picks.zyx, [[100.0, 100, 100]])
    assert geometry.contains(picks.zyx).all()


def test_a_score_at_the_threshold_passes_and_one_below_does_not():
    score = np.zeros((5, 5, 9), np.float16)
    below = np.float16(0.1)  # 0.09998
    score[2, 2, 2], score[2, 2, 6] = below, np.nextafter(below, np.float16(1))
    picks = bare(score, threshold=0.1)
    np.testing.assert_allclose(picks.zyx, [[20, 20, 60]])
    assert len(bare(score, threshold=float(below))) == 2


def test_negative_scores_and_a_tiny_threshold_do_no_harm():
    score = np.full((5, 5, 5), -0.3, np.float16)
    assert len(bare(score, threshold=1e-9)) == 0
    score[1, 1, 1], score[3, 3, 3] = 0.5, -0.0
    np.testing.assert_allclose(bare(score, threshold=1e-9).zyx, [[10, 10, 10]])


def test_refinement_stays_within_half_a_cell():
    rng = np.random.default_rng(3)
    score = rng.random((20, 20, 20), np.float32) ** 8
    cells = maxima(score, 0.1)
    picks = bare(score, threshold=0.1, radius=1e-3)
    offset = picks.zyx / 10 - np.round(picks.zyx / 10)
    assert len(picks) == len(cells) > 50
    assert np.abs(offset).max() <= 0.5
    nearest = cdist(picks.zyx / 10, cells).min(axis=1)
    assert nearest.max() <= np.sqrt(3) / 2 + 1e-9
    assert nearest.max() > 0.1  # it did move


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 6), st.integers(1, 6)),
    levels=st.sampled_from([3, 50, 10**6]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_maxima_are_those_of_a_maximum_filter(seed, shape, levels, dtype):
    score = (np.random.default_rng(seed).integers(0, levels, shape) / levels).astype(dtype)
    full = score.astype(np.float64)
    is_top = (full == ndimage.maximum_filter(full, size=3, mode="nearest")) & (full >= 0.4)
    found = np.zeros(shape, bool)
    found[tuple(maxima(score, 0.4).T)] = True
    np.testing.assert_array_equal(found, is_top)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), distance=st.floats(0.3, 3.0))
def test_picks_are_apart_and_every_maximum_is_near_a_better_pick(seed, distance):
    score = np.random.default_rng(seed).random((8, 9, 10)).astype(np.float32)
    picks = bare(score, radius=20.0, distance=distance, threshold=0.5)
    if len(picks) > 1:
        assert pdist(picks.zyx).min() > 20.0 * distance
    reach = 20.0 * distance + 0.5 * np.sqrt(3) * 10  # a maximum moves by half a cell
    cells = maxima(score, 0.5)
    near = cdist(cells * 10.0, picks.zyx) <= reach
    better = picks.scores[None, :] >= score[tuple(cells.T)][:, None]
    assert (near & better).any(axis=1).all()


def test_smoothing_joins_the_splinters_of_one_particle():
    geometry = Geometry((20, 20, 20), 10.0)
    score = np.zeros(geometry.cells, np.float16)
    score[10, 10, 8], score[10, 10, 10], score[10, 10, 12] = 0.7, 0.6, 0.7
    assert len(pick(score, geometry, radius=15.0, distance=1.0)) == 3
    picks = pick(score, geometry, radius=15.0, distance=1.0, smooth=20.0, threshold=0.01)
    np.testing.assert_allclose(picks.zyx, [[100, 100, 100]], atol=1e-3)
    assert picks.scores[0] < 0.6
