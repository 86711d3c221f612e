from dataclasses import replace

import numpy as np
import pytest

from samples.embeddings import around, directions, groups
from tomoscout.core.errors import UserError
from tomoscout.discovery.particles import ParticleRule, rank_clusters

SIZES = {"ground": 700, "beside": 350, "thick": 450, "large": 150, "small": 60, "gold": 4}
DARK = {"ground": 0.0, "beside": -1.5, "thick": 0.4, "large": 6.0, "small": 3.0, "gold": 80.0}
NAMES = list(SIZES)


def scene(**darkness):
    """Crops as a grid gives them: most show ground, or lie beside particles."""
    vectors, labels = groups(*SIZES.values())
    rng = np.random.default_rng(1)
    level = {**DARK, **darkness}
    dark = np.concatenate([rng.normal(level[name], 1, SIZES[name]) for name in NAMES])
    return vectors, labels, dark


def verdicts(ranking):
    return {NAMES[one.cluster]: one.verdict for one in ranking.figures}


def test_dark_clusters_are_particles_and_gold_and_ground_are_not():
    ranking = rank_clusters(*scene(), rule=ParticleRule(fewest=0.005))
    assert verdicts(ranking) == {
        "large": "particle", "small": "particle", "gold": "rare",
        "ground": "ground", "beside": "ground", "thick": "ground",
    }  # fmt: skip
    assert [NAMES[c] for c in ranking.kept] == ["large", "small"]


def test_figures_say_what_was_planted():
    vectors, labels, dark = scene()
    by_name = {NAMES[f.cluster]: f for f in rank_clusters(vectors, labels, dark).figures}
    large = by_name["large"]
    assert large.size == 150
    assert large.share == pytest.approx(150 / len(labels))
    mine, others = dark[labels == 3], dark[labels != 3]
    pairs = (mine[:, None] > others).mean()
    assert large.darker_than == pytest.approx(pairs)
    # Scatter of 0.05 in 24 dimensions against centres that are 90 degrees apart.
    assert large.compactness == pytest.approx(0.92, abs=0.04)
    assert by_name["beside"].darkness < by_name["ground"].darkness < large.darkness


def test_neither_the_unit_of_darkness_nor_the_order_of_crops_matters():
    vectors, labels, dark = scene()
    plain = rank_clusters(vectors, labels, dark)
    order = np.random.default_rng(2).permutation(len(labels))
    moved = rank_clusters(vectors[order], labels[order], 40 * dark[order] - 7)
    assert moved.kept == plain.kept
    for one, other in zip(moved.figures, plain.figures, strict=True):
        assert one.darkness == pytest.approx(other.darkness, abs=1e-4)
        assert one.darker_than == pytest.approx(other.darker_than)


@pytest.mark.parametrize("darkness", [{"gold": 80.0}, {"gold": 8000.0}])
def test_gold_that_is_frequent_enough_to_count_hides_no_particles(darkness):
    ranking = rank_clusters(*scene(**darkness), rule=ParticleRule(fewest=0))
    assert {NAMES[c] for c in ranking.kept} == {"gold", "large", "small"}


def test_a_dark_cluster_that_holds_what_was_left_over_is_loose():
    vectors, labels, dark = scene()
    rng = np.random.default_rng(4)
    odd = rng.normal(size=(100, vectors.shape[1])).astype(np.float32)
    odd *= 1.6 / np.linalg.norm(odd, axis=1, keepdims=True)
    ranking = rank_clusters(
        np.concatenate([vectors, odd]),
        np.concatenate([labels, np.full(100, 6)]),
        np.concatenate([dark, rng.normal(9, 1, 100)]),
    )
    last = next(f for f in ranking.figures if f.cluster == 6)
    assert last.verdict == "loose"
    assert last.compactness < 0
    assert {3, 4} <= set(ranking.kept)


def test_of_two_clusters_the_darker_is_the_particle_even_if_it_is_the_larger():
    for dark_size in (40, 160):
        sizes = (dark_size, 200 - dark_size)
        vectors, labels = groups(*sizes)
        dark = np.where(labels == 0, 2.0, 0.0) + np.random.default_rng(0).normal(0, 1, 200)
        assert rank_clusters(vectors, labels, dark).kept == (0,)
        assert rank_clusters(vectors, labels, -dark).kept == (1,)


def test_of_two_clusters_the_darker_is_the_particle_even_if_it_holds_all_that_is_unusual():
    ground, _ = groups(160)
    odd = np.random.default_rng(4).normal(size=(40, 24)).astype(np.float32)
    dark = np.random.default_rng(0).normal(0, 1, 200)
    dark[160:] += 3
    ranking = rank_clusters(np.concatenate([ground, odd]), np.repeat([0, 1], [160, 40]), dark)
    assert ranking.kept == (1,)
    assert verdict_of(ranking, 0) == "common"
    assert ranking.figures[0].compactness < 0


def test_dark_clusters_are_kept_until_they_hold_more_crops_than_particles_may():
    vectors, labels = groups(300, 200, 250, 250)
    dark = np.array([5.0, 5.2, 0, -0.2])[labels]
    assert set(rank_clusters(vectors, labels, dark).kept) == {0, 1}
    tight = rank_clusters(vectors, labels, dark, rule=ParticleRule(most=0.4))
    assert tight.kept == (1,)
    assert verdict_of(tight, 0) == "ground"


def verdict_of(ranking, cluster):
    return next(f.verdict for f in ranking.figures if f.cluster == cluster)


def test_crops_of_no_cluster_are_among_those_that_clusters_are_compared_with():
    vectors, labels, dark = scene()
    noise = around(directions(8)[7], 400, scatter=0.3, seed=8)
    ranking = rank_clusters(
        np.concatenate([vectors, noise]),
        np.concatenate([labels, np.full(400, -1)]),
        np.concatenate([dark, np.random.default_rng(3).normal(0, 1, 400)]),
    )
    assert {NAMES[c] for c in ranking.kept} == {"large", "small"}
    assert sum(f.size for f in ranking.figures) == len(labels)
    assert sum(f.share for f in ranking.figures) == pytest.approx(len(labels) / (len(labels) + 400))


def test_facts_are_plain_values():
    ranking = rank_clusters(*scene())
    assert [line["cluster"] for line in ranking.facts()] == [f.cluster for f in ranking.figures]
    assert replace(ranking.figures[0], **ranking.facts()[0]) == ranking.figures[0]


def test_one_cluster_of_everything_is_refused():
    vectors, _ = groups(30)
    with pytest.raises(UserError, match="all crops are in one cluster"):
        rank_clusters(vectors, np.zeros(30, int), np.zeros(30))
