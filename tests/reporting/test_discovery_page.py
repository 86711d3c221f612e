import re
from dataclasses import replace

import numpy as np
import pytest

from tomoscout.reporting import cluster_plane
from tomoscout.reporting.clusters import cluster_color, typical_members
from tomoscout.reporting.discovery_page import DiscoveryData, render_discovery
from tomoscout.reporting.figures import hex_color

PLACES = np.array(
    [[200.0, 300, 300], [200, 300, 900], [200, 600, 600], [200, 600, 900], [200, 900, 600]]
)


@pytest.fixture
def data(scene):
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(105, 6)), np.repeat([0, 1, 2, -1], [50, 30, 20, 5])
    keys = ("cluster", "size", "share", "darkness", "darker_than", "compactness", "verdict")
    lines = [
        dict(zip(keys, line, strict=True))
        for line in (
            (1, 30, 0.286, 2.4, 0.97, 0.8, "particle"),
            (0, 50, 0.476, -0.3, 0.2, 0.9, "ground"),
            (2, 20, 0.19, 0.1, 0.5, -0.2, "loose"),
        )
    ]
    return DiscoveryData(
        "Clusters of <TS_1>",
        vectors,
        labels,
        lines,
        kept=(1,),
        members=typical_members(
            scene.volume, PLACES, np.array([1, 1, 0, 0, 0]), np.arange(5.0), edge=300
        ),
        run="TS_1",
        settings={"k": 3},
        versions={"tomoscout": "0.1.0"},
        command="tomoscout discover czii/",
    )


def test_the_page_shows_clusters_picture_and_crops_the_likeliest_particles_first(data):
    page = render_discovery(data)
    assert re.findall(r'<section id="(\w+)">', page) == [
        "clusters", "embeddings", "members", "made"
    ]  # fmt: skip
    assert "Clusters of &lt;TS_1&gt;" in page
    assert "<strong>particle</strong>" in page
    assert "28.6%" in page
    members = page[page.index('<section id="members">') :]
    rows = re.findall(r'aria-label="(Cluster \d, crop \d)"', members)
    assert rows == [
        "Cluster 1, crop 1", "Cluster 1, crop 2",
        "Cluster 0, crop 1", "Cluster 0, crop 2", "Cluster 0, crop 3",
    ]  # fmt: skip
    for said in ("105 crops", "3 clusters", "k: 3", "tomoscout discover czii/", "0.1.0"):
        assert said in page


def test_the_page_fetches_nothing_and_has_the_colours_of_the_picture(data):
    page = render_discovery(data)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    for cluster in (0, 1, 2):
        assert f"--c:{hex_color(cluster_color(cluster))}" in page


def test_the_page_says_what_a_picture_by_umap_is(data, monkeypatch):
    monkeypatch.setattr(cluster_plane, "umap_plane", lambda vectors, seed: vectors[:, :2])
    page = render_discovery(replace(data, projection="umap"))
    assert "UMAP keeps neighbours together" in page
    assert "UMAP keeps" not in render_discovery(data)


def test_what_is_not_given_is_left_out(data):
    bare = DiscoveryData("t", data.vectors[:0], data.labels[:0], data.figures, kept=())
    page = render_discovery(bare)
    assert re.findall(r'<section id="(\w+)">', page) == ["clusters"]
