import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samples.embeddings import directions, groups
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.discovery.cluster import Clusters
from tomoscout.discovery.scores import (
    PARTICLE,
    SoftScores,
    presence,
    score_map,
    scored_crops,
    soft_scores,
    stream_map,
)
from tomoscout.inference.embedding import EmbeddedLayer
from tomoscout.ops.grids import Grid
from tomoscout.pickers.local_max import Settings, find_picks

CENTRES = np.array([[0.0, 0], [4, 0], [0, 3], [-2, -2]], np.float32)
FOUR = Clusters(CENTRES, np.zeros(0, int), np.full(4, np.inf, np.float32))
BALLS = Clusters(CENTRES, np.zeros(0, int), np.array([1, 1.5, 1, 1], np.float32))
POINTS = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-6, 6))


def of(clusters, *keep, together=True, typical=1.0):
    groups = {PARTICLE: keep} if together else {f"cluster-{c}": (c,) for c in keep}
    return SoftScores(clusters, groups, (typical,) * len(groups))


@given(points=POINTS)
def test_presence_is_the_nearest_centre(points):
    nearest = ((points[:, None] - CENTRES) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(presence(points, FOUR, [1, 3]), np.isin(nearest, [1, 3]))


@given(points=POINTS)
@settings(deadline=None)
@pytest.mark.parametrize("clusters", [FOUR, BALLS], ids=["shared out", "dense"])
def test_scores_rise_with_the_margin_and_are_half_at_the_border(clusters, points):
    soft = of(clusters, 1, 2)
    margin, score = soft.margins(points)[0], soft.score(points)[0]
    rising = np.argsort(margin)
    assert (np.diff(score[rising]) >= 0).all()
    assert ((score >= 0) & (score <= 1)).all()
    sure = np.abs(margin) > 1e-6
    np.testing.assert_array_equal((score > 0.5)[sure], presence(points, clusters, [1, 2])[sure])


def test_a_point_as_near_to_ground_as_to_a_particle_scores_half():
    halfway = np.array([[2.0, 0.0], [0.0, 1.5]])
    np.testing.assert_array_equal(of(FOUR, 1, 2).score(halfway)[0], [0.5, 0.5])
    on_edge = np.array([[4.0, 1.5]])  # of the ball around centre 1
    np.testing.assert_array_equal(of(BALLS, 1).score(on_edge)[0], [0.5])


def test_between_clusters_that_are_one_object_there_is_no_border():
    between = np.array([[2.0, 1.5]])  # of centres 1 and 2; the ground's are as far
    step = np.array([[0.3, 0.4]])
    assert of(FOUR, 1, 2).score(between + step)[0, 0] > 0.5
    apart = of(FOUR, 1, 2, together=False).score(between + step)
    assert apart.shape == (2, 1)
    np.testing.assert_allclose(apart, 0.5, atol=1e-6)


def test_the_typical_margin_of_the_sample_sets_how_steep_scores_are():
    vectors, _ = groups(200, 100, 50, scatter=0.1)
    clusters = Clusters(directions(3), np.zeros(0, int), np.full(3, np.inf, "f4"))
    soft = soft_scores(vectors, clusters, [2], together=True)
    margin = soft.margins(vectors)[0]
    typical = np.median(np.abs(margin))
    one = np.abs(np.abs(margin) - typical).argmin()
    score = soft.score(vectors)[0]
    assert max(score[one], 1 - score[one]) == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-3)
    # Another sample is scored by the same scale.
    np.testing.assert_array_equal(soft.score(vectors[:7])[0], score[:7])


def embedded(geometry, cell, dim=24):
    """All crops lie at the first direction but one, at the second."""
    ground, particle = directions(2, dim)
    z, y, x = geometry.cells
    vectors = np.tile(ground, (z, y, x, 1))
    vectors[cell] = particle
    return [EmbeddedLayer(i, plane) for i, plane in enumerate(vectors)]


def planted(geometry, cell):
    ground, particle = directions(2)
    clusters = Clusters(np.stack([ground, particle]), np.zeros(0, int), np.full(2, np.inf, "f4"))
    return embedded(geometry, cell), of(clusters, 1, typical=0.5)


@pytest.mark.parametrize("stride", [1, 3, 4])
def test_a_map_lies_on_the_cells_of_the_tomogram(stride):
    geometry = Geometry((14, 22, 31), 7.5, stride)
    cell = (1, 2, 3)
    layers, soft = planted(geometry, cell)
    found = score_map(layers, soft, geometry=geometry)
    assert found.objects == (PARTICLE,)
    assert found.data.shape == (1, *geometry.cells)
    assert found.data.dtype == np.float16
    assert np.argwhere(found.data[0] > 0.5).tolist() == [list(cell)]
    picks = find_picks(
        found.data[0], geometry=found.geometry, radius=20.0, name=PARTICLE, threshold=0.5,
        settings=Settings(),
    )  # fmt: skip
    centres = Grid.at_stride(geometry.shape, stride).centres_angstrom(7.5)
    middle = centres[np.ravel_multi_index(cell, geometry.cells)]
    np.testing.assert_allclose(picks.zyx, middle[None], atol=1e-6)


def test_a_stream_of_planes_is_the_map():
    geometry = Geometry((8, 12, 16), 10.0, 4)
    layers, soft = planted(geometry, (1, 0, 2))
    slabs = list(stream_map(iter(layers), soft))
    assert [slab.start for slab in slabs] == [0, 1]
    whole = score_map(layers, soft, geometry=geometry)
    np.testing.assert_array_equal(np.concatenate([s.scores for s in slabs], axis=1), whole.data)


def test_layers_of_another_lattice_are_refused():
    geometry = Geometry((8, 12, 16), 10.0, 4)
    layers, soft = planted(geometry, (0, 0, 0))
    with pytest.raises(ValueError, match="embed at stride 2"):
        score_map(layers, soft, geometry=geometry.at_stride(2))
    with pytest.raises(ValueError, match="1 layers, expected 2"):
        score_map(layers[:1], soft, geometry=geometry)


def test_every_crop_becomes_a_scored_pick_of_its_cluster():
    points = np.array([[4.0, 0], [0, 0], [9, 9]])
    zyx = np.arange(9.0).reshape(3, 3)
    picks = scored_crops(points, zyx, of(BALLS, 1), run="TS_1")
    assert list(picks.objects) == ["cluster-1", "cluster-0", "no-cluster"]
    np.testing.assert_array_equal(picks.zyx, zyx)
    np.testing.assert_allclose(picks.score_array, of(BALLS, 1).score(points)[0])
    assert picks.run == "TS_1"


def test_wrong_numbers_of_clusters_are_refused():
    points = np.zeros((1, 2))
    with pytest.raises(UserError, match="no cluster 9: choose from 0 to 3"):
        soft_scores(points, FOUR, [1, 9], together=True)
    with pytest.raises(UserError, match="no cluster is kept"):
        presence(points, FOUR, [])
    with pytest.raises(UserError, match="all clusters are kept"):
        soft_scores(points, FOUR, [0, 1, 2, 3], together=True)
