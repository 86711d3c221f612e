import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from tomoscout.core.errors import UserError
from tomoscout.reporting import cluster_plane, umap_plane
from tomoscout.reporting.cluster_plane import cluster_picture, principal_plane
from tomoscout.reporting.clusters import cluster_color
from tomoscout.reporting.figures import hex_color


def planted():
    """Three groups far apart along one axis, nearer along another, and a little noise."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, -1], [50, 30, 20, 5])
    vectors = rng.normal(0, 0.01, (105, 6)).astype(np.float32)
    vectors[:, 4] += np.array([0, 3, -3, 0], np.float32)[labels]
    vectors[:, 2] += np.array([-1, 1, 1, 0], np.float32)[labels]
    return vectors, labels


def test_the_plane_holds_the_two_directions_of_most_spread():
    vectors, _ = planted()
    at, shares = principal_plane(vectors)
    moved = vectors - vectors.mean(axis=0)
    values = np.linalg.svd(moved, compute_uv=False) ** 2
    np.testing.assert_allclose(shares, values[:2] / values.sum(), rtol=1e-3)
    np.testing.assert_allclose((at**2).sum(axis=0), values[:2], rtol=1e-3)
    # The axis of groups 1 and 2 points to the right for the one that its coordinate does.
    assert np.corrcoef(at[:, 0], vectors[:, 4])[0, 1] > 0.99
    turned = principal_plane(vectors[::-1])[0][::-1]
    np.testing.assert_allclose(turned, at, atol=1e-5)


def test_a_single_direction_makes_a_line():
    at, shares = principal_plane(np.arange(5.0)[:, None])
    np.testing.assert_allclose(at, [[-2, 0], [-1, 0], [0, 0], [1, 0], [2, 0]], atol=1e-12)
    assert shares.tolist() == [1, 0]


def test_clusters_have_their_colours_places_and_sizes_in_the_picture():
    vectors, labels = planted()
    axes = cluster_picture(vectors, labels, kept=[2]).axes[0]
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told == ["none (5)", "0 (50)", "1 (30)", "2 (20, particle)"]
    at, _ = principal_plane(vectors)
    for points, cluster in zip(axes.collections, (-1, 0, 1, 2), strict=True):
        assert to_hex(points.get_facecolor()[0]) == hex_color(cluster_color(cluster))
        drawn = np.asarray(points.get_offsets())
        mine = at[labels == cluster]
        assert len(drawn) == len(mine)
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(mine, axis=0))
    numbers = {text.get_text(): text for text in axes.texts}
    assert set(numbers) == {"0", "1", "2"}
    np.testing.assert_allclose(numbers["1"].get_position(), at[labels == 1].mean(axis=0), atol=1e-6)


def test_of_very_many_crops_some_are_drawn_and_all_are_counted():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [9000, 1000])
    axes = cluster_picture(rng.normal(size=(10_000, 3)), labels).axes[0]
    drawn = [len(points.get_offsets()) for points in axes.collections]
    assert sum(drawn) == 1500
    assert drawn[1] == pytest.approx(150, rel=0.3)
    assert axes.get_legend().get_texts()[1].get_text() == "1 (1,000)"


class Umap:
    """In place of the library's: the first two numbers of each embedding."""

    def __init__(self, **settings):
        self.settings = settings

    def fit_transform(self, vectors):
        assert self.settings["random_state"] == 3
        assert self.settings["n_neighbors"] < len(vectors)
        return vectors[:, :2]


@pytest.fixture
def umap(monkeypatch):
    monkeypatch.setattr(umap_plane, "check_umap", lambda: None)
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Umap))


def test_the_plane_of_umap_is_drawn_where_it_is_asked_for(umap):
    vectors, labels = planted()
    axes = cluster_picture(vectors, labels, projection="umap", seed=3).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("UMAP 1", "UMAP 2")
    for points, cluster in zip(axes.collections, (-1, 0, 1, 2), strict=True):
        drawn, mine = np.asarray(points.get_offsets()), vectors[labels == cluster][:, :2]
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(mine, axis=0))
    assert {text.get_text() for text in axes.texts} == {"0", "1", "2"}


def test_of_very_many_crops_umap_places_some_and_all_are_counted(umap, monkeypatch):
    monkeypatch.setattr(cluster_plane, "_MOST_PLACED", 60)
    vectors, labels = planted()
    labels[labels == 2] = 1
    labels[0] = 2  # alone, and not among those that are placed
    axes = cluster_picture(vectors, labels, projection="umap", seed=3).axes[0]
    assert sum(len(points.get_offsets()) for points in axes.collections) == 60
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told == ["none (5)", "0 (49)", "1 (50)", "2 (1)"]


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(umap_plane, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'tomoscout\[umap\]', or take pca"):
        cluster_picture(*planted(), projection="umap")


def test_umap_itself_keeps_planted_groups_apart_the_same_each_time():
    pytest.importorskip("umap")
    vectors, labels = planted()
    at = umap_plane.umap_plane(vectors, seed=3)
    np.testing.assert_array_equal(umap_plane.umap_plane(vectors, seed=3), at)
    groups = [at[labels == cluster] for cluster in (0, 1, 2)]
    middles = np.array([group.mean(axis=0) for group in groups])
    reach = max(np.linalg.norm(g - m, axis=1).max() for g, m in zip(groups, middles, strict=True))
    apart = min(np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert apart > reach
