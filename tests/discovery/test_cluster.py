import numpy as np
import pytest

from samples.embeddings import around, directions, groups
from tomoscout.core.errors import UserError
from tomoscout.discovery import cluster
from tomoscout.discovery.cluster import (
    NOISE,
    Clusters,
    ClusterSettings,
    find_clusters,
    hdbscan,
    kmeans,
)

DENSE = ClusterSettings(method="hdbscan", smallest=20, dimensions=4)


@pytest.mark.parametrize("settings", [ClusterSettings(k=3), DENSE], ids=["kmeans", "hdbscan"])
def test_planted_groups_come_back_numbered_by_falling_size(settings):
    vectors, truth = groups(60, 200, 120)
    found = find_clusters(vectors, settings)
    assert found.sizes.tolist() == pytest.approx([200, 120, 60], abs=3)  # hdbscan: a straggler
    member = found.labels != NOISE
    expected = np.array([2, 0, 1])[truth]
    np.testing.assert_array_equal(found.labels[member], expected[member])
    for number, size_rank in ((0, 1), (1, 2), (2, 0)):
        np.testing.assert_allclose(
            found.centres[number], vectors[truth == size_rank].mean(axis=0), atol=0.02
        )


def test_what_lies_between_dense_groups_is_noise_and_new_crops_out_of_reach_too():
    vectors, _ = groups(80, 60)
    rng = np.random.default_rng(5)
    scattered = rng.normal(size=(40, 24)).astype(np.float32)
    scattered /= np.linalg.norm(scattered, axis=1, keepdims=True)
    found = hdbscan(np.concatenate([vectors, scattered]), smallest=20, dimensions=8, most=1000)
    assert (found.labels[-40:] == NOISE).mean() > 0.8
    assert (found.assign(scattered) == NOISE).all()
    fresh = around(directions(2)[1], 50, seed=9)
    assert (found.assign(fresh) == 1).mean() > 0.8


def test_of_many_crops_some_are_grouped_and_the_others_go_to_the_nearest_centre_in_reach():
    vectors, truth = groups(300, 200)
    found = hdbscan(vectors, smallest=15, dimensions=4, most=100)
    assert len(found.labels) == 500
    member = found.labels != NOISE
    assert member.mean() > 0.85
    np.testing.assert_array_equal(found.labels[member], truth[member])


def test_kmeans_of_many_crops_in_batches_finds_the_same(monkeypatch):
    vectors, truth = groups(60, 50, 40, scatter=0.1)
    whole = kmeans(vectors, 3)
    monkeypatch.setattr(cluster, "_WHOLE", 10)
    batches = kmeans(vectors, 3)
    np.testing.assert_array_equal(whole.labels, truth)
    np.testing.assert_array_equal(batches.labels, truth)
    np.testing.assert_allclose(batches.centres, whole.centres, atol=1e-6)


def test_members_of_kmeans_are_those_of_the_nearest_centre():
    vectors, _ = groups(50, 40, 30, scatter=0.3)
    found = kmeans(vectors, 4, seed=1)
    nearest = ((vectors[:, None] - found.centres) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(found.labels, nearest)
    np.testing.assert_array_equal(found.assign(vectors), nearest)
    assert (np.diff(found.sizes) <= 0).all()


def test_the_order_of_crops_does_not_change_their_clusters():
    vectors, truth = groups(50, 40, 30)
    order = np.random.default_rng(0).permutation(len(vectors))
    np.testing.assert_array_equal(kmeans(vectors[order], 3).labels, truth[order])


def test_an_embedding_beyond_the_reach_of_the_nearest_centre_belongs_to_none():
    found = Clusters(
        np.eye(2, dtype=np.float32), np.zeros(0, int), np.array([0.5, np.inf], np.float32)
    )
    points = np.array([[1.4, 0], [1.6, 0], [0, 9]])
    assert found.assign(points).tolist() == [0, NOISE, 1]


def test_too_few_crops_are_refused():
    vectors, _ = groups(30, 30)
    with pytest.raises(UserError, match="2 different crops make no 3 clusters"):
        kmeans(np.repeat(vectors[:2], 5, axis=0), 3)
    with pytest.raises(UserError, match="fewer than the 100"):
        hdbscan(vectors, smallest=100, dimensions=4, most=1000)
    even = np.random.default_rng(0).uniform(size=(60, 8)).astype(np.float32)
    with pytest.raises(UserError, match="no dense cluster of 30 crops among 60"):
        hdbscan(even, smallest=30, dimensions=8, most=1000)
