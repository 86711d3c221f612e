import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    adjusted_rand_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    normalized_mutual_info_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.metrics.presence import score

TABLE = ObjectTable(
    objects=(ObjectType(name="big", radius=100), ObjectType(name="small", radius=40))
)
BIG, SMALL = 1, 2
PARTED = ["cluster-7", "cluster-7", "no-cluster", "cluster-3"]


def crops(*x, scores=None, clusters="cluster-0", run="a"):
    zyx = np.array([[0.0, 0, v] for v in x]).reshape(-1, 3)
    names = clusters if isinstance(clusters, str) else np.array(clusters, str)
    return Picks(zyx, names, None if scores is None else np.array(scores, float), run=run)


def particles(rows, run="a"):
    zyx = np.array([[0.0, 0, v] for _, v in rows]).reshape(-1, 3)
    return Picks(zyx, np.array([name for name, _ in rows], str), run=run)


def rate(picks, truth, **options):
    return score(picks, truth, objects=TABLE, **options)


def test_a_crop_holds_the_nearest_particle_within_the_reach_bound_included():
    truth = particles([("big", 0), ("small", 95)])
    grid = crops(-50, 0, 50, 60, 95, 145, 145.001)
    held = rate(grid, truth, reach=50).labels
    np.testing.assert_array_equal(held, [BIG, BIG, SMALL, SMALL, SMALL, SMALL, 0])


def test_without_a_reach_it_is_each_particles_radius():
    truth = particles([("big", 0), ("small", 1000)])
    held = rate(crops(100, 100.001, 960, 959.999), truth).labels
    np.testing.assert_array_equal(held, [BIG, 0, SMALL, 0])


def test_a_small_particle_in_reach_does_not_hide_a_large_one_that_alone_is():
    truth = particles([("big", 0), ("small", 130)])
    # 80 is 50 from the small one, which is nearer but reaches 40 only.
    np.testing.assert_array_equal(rate(crops(80), truth).labels, [BIG])


def test_distances_are_in_three_dimensions():
    truth = Picks(np.array([[30.0, 40.0, 0.0]]), "big", run="a")
    assert rate(crops(0), truth, reach=50).labels.tolist() == [BIG]
    assert rate(crops(1), truth, reach=50).labels.tolist() == [0]


def test_what_the_ratios_are_made_of_by_hand():
    truth = particles([("big", 0), ("big", 1000), ("small", 2000)])
    grid = crops(0, 1000, 2000, 3000, 4000, scores=[0.9, 0.5, 0.2, 0.7, 0.1])
    result = rate(grid, truth, reach=50)
    np.testing.assert_array_equal(result.confusion, [[1, 1], [1, 2]])
    assert result.counts.precision == pytest.approx(2 / 3)
    assert result.counts.recall == pytest.approx(2 / 3)
    assert result.counts.f_beta(1) == pytest.approx(2 / 3)
    assert result.auroc == pytest.approx(4 / 6)  # of six pairs, 0.5 and 0.2 lose to 0.7
    assert result.average_precision == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    facts = result.facts()
    assert facts["objects"]["big"] == {"positive": 2, "recall": 1.0, "auroc": 0.75}
    assert facts["objects"]["small"] == {"positive": 1, "recall": 0.0, "auroc": 0.5}


def test_particles_that_the_grid_misses_are_counted():
    truth = particles([("big", 0), ("small", 499), ("small", 460)])
    result = rate(crops(0, 100, 200, 300, 400), truth)
    assert (result.truths, result.uncovered) == (3, 2)
    assert rate(crops(0, 100, 200, 300, 400), truth, reach=99.5).uncovered == 0
    assert rate([], [truth]).uncovered == 3


ROWS = st.lists(
    st.tuples(st.sampled_from(["", "big", "small"]), st.integers(0, 5), st.integers(-1, 2)),
    min_size=2,
    max_size=40,
)


@settings(max_examples=20)
@given(rows=ROWS, threshold=st.integers(0, 6))
def test_every_figure_is_that_of_sklearn_on_labels_scores_and_clusters(rows, threshold):
    x = 1000.0 * np.arange(len(rows))
    kinds = np.array([kind for kind, _, _ in rows])
    scores = np.array([level / 5 for _, level, _ in rows])
    clusters = [f"cluster-{cluster}" if cluster >= 0 else "no-cluster" for _, _, cluster in rows]
    truth = particles([(kind, v) for kind, v in zip(kinds, x, strict=True) if kind])
    result = rate(crops(*x, scores=scores, clusters=clusters), truth, threshold=threshold / 5)
    positive, called = kinds != "", scores >= threshold / 5
    np.testing.assert_array_equal(
        result.confusion, confusion_matrix(positive, called, labels=[False, True])
    )
    counts = result.counts
    assert counts.precision == pytest.approx(precision_score(positive, called, zero_division=0))
    assert counts.recall == pytest.approx(recall_score(positive, called, zero_division=0))
    assert counts.f_beta(1) == pytest.approx(f1_score(positive, called, zero_division=0))
    if positive.any() and not positive.all():
        assert result.auroc == pytest.approx(roc_auc_score(positive, scores))
        assert result.average_precision == pytest.approx(average_precision_score(positive, scores))
    else:
        assert result.auroc is None
    for only, chosen in ((False, np.ones(len(rows), bool)), (True, positive)):
        here = np.array(clusters)[chosen]
        for measure, found in (
            (adjusted_rand_score, result.adjusted_rand(particles_only=only)),
            (normalized_mutual_info_score, result.mutual_information(particles_only=only)),
        ):
            if len(np.unique(kinds[chosen])) > 1:
                assert found == pytest.approx(measure(kinds[chosen].tolist(), here.tolist()))
            else:
                assert found is None


def test_clusters_that_are_the_objects_agree_fully_and_one_cluster_does_not():
    truth = particles([("big", 0), ("big", 1000), ("small", 2000)])
    grid = [crops(0, 1000, 2000, 3000, clusters=names) for names in (PARTED, "cluster-5")]
    alike, one = (rate(picks, truth) for picks in grid)
    assert alike.adjusted_rand() == alike.mutual_information() == pytest.approx(1)
    assert one.adjusted_rand() == one.mutual_information() == pytest.approx(0)
    split = rate(
        crops(0, 1000, 2000, 3000, clusters=[*PARTED[:1], "cluster-2", *PARTED[2:]]), truth
    )
    assert 0 < split.mutual_information() < 1


def test_the_table_counts_crops_by_cluster_and_by_what_they_hold():
    truth = particles([("big", 0), ("big", 1000), ("small", 2000)])
    grid = crops(
        0,
        1000,
        2000,
        3000,
        4000,
        clusters=["cluster-10", "cluster-2", "no-cluster", "cluster-10", "small"],
    )
    clusters = rate(grid, truth).facts()["clusters"]
    assert clusters["columns"] == ["background", "big", "small"]
    assert clusters["rows"] == ["no-cluster", "cluster-2", "cluster-10", "small"]
    assert clusters["counts"] == [[0, 0, 1], [0, 1, 0], [1, 1, 0], [1, 0, 0]]


def test_runs_are_pooled_before_the_curve_is_drawn():
    grid = [crops(0, 900, scores=[0.4, 0.3], run="a"), crops(0, 900, scores=[0.9, 0.8], run="b")]
    truth = [particles([("big", 0)], run=run) for run in "ab"]
    parts = [rate(picks, known) for picks, known in zip(grid, truth, strict=True)]
    assert [part.auroc for part in parts] == [1.0, 1.0]
    assert rate(grid, truth).auroc == pytest.approx(0.75)
    assert (parts[0] + parts[1]).auroc == pytest.approx(0.75)


def test_the_best_threshold_is_chosen_on_one_set_of_runs_and_kept_on_another():
    rule = rate(
        crops(0, 1000, 2000, 3000, scores=[0.9, 0.6, 0.7, 0.2]),
        particles([("big", 0), ("big", 1000)]),
    )
    assert rule.best_threshold() == 0.6
    assert rule.at(rule.best_threshold()).counts.f_beta(1) == pytest.approx(0.8)
    others = rule.at(0.65) + rate(crops(5000, scores=[0.99]), particles([]), threshold=0.65)
    assert others.confusion.tolist() == [[1, 2], [1, 1]]
    with pytest.raises(UserError, match="choose a threshold on runs that have some"):
        rate(crops(0), particles([])).best_threshold()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_threshold_has_a_higher_f1_than_the_best(seed):
    rng = np.random.default_rng(seed)
    x = 1000.0 * np.arange(20)
    truth = particles([("big", v) for v in x[rng.random(20) < 0.4]])
    if not len(truth):
        return
    result = rate(crops(*x, scores=rng.integers(0, 9, 20) / 8), truth)
    best = result.at(result.best_threshold()).counts.f_beta(1)
    every = [result.at(level / 16).counts.f_beta(1) for level in range(-1, 18)]
    assert best == pytest.approx(max(every))


def test_results_of_another_protocol_do_not_add_up():
    one = rate(crops(0), particles([]), reach=50)
    for other in ({"reach": 51}, {"reach": 50, "threshold": 0.4}, {}):
        with pytest.raises(ValueError, match="do not add up"):
            _ = one + rate(crops(0), particles([]), **other)


@pytest.mark.parametrize(
    ("picks", "options", "message"),
    [
        (crops(0), {"reach": 0.0}, "above 0 Å, found 0"),
        (crops(0, scores=[np.nan]), {}, "run 'a': the score of a crop is not a number"),
        (crops(0, clusters="bigg"), {}, "Did you mean 'big'"),
        (crops(0, clusters="cluster-x"), {}, "unknown object 'cluster-x'"),
    ],
)
def test_mistakes_are_said(picks, options, message):
    with pytest.raises(UserError, match=message):
        rate(picks, particles([]), **options)


def test_facts_of_crops_that_hold_nothing_are_plain_values():
    facts = json.loads(json.dumps(rate(crops(0, 1), particles([])).facts()))
    assert facts["auroc"] is None
    assert facts["adjusted_rand"] is None
    assert facts["confusion"] == [[0, 2], [0, 0]]
