"""Intervals are those of drawing runs anew; of one run, of drawing its particles."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.metrics import Counts, Result
from tomoscout.tuning.bootstrap import bootstrap

OBJECTS = ObjectTable(
    objects=(ObjectType(name="a", radius=20), ObjectType(name="b", radius=20, weight=3))
)


def result(*runs):
    table = {str(k): {"a": Counts(*a), "b": Counts(*b)} for k, (a, b) in enumerate(runs)}
    return Result(table, OBJECTS, 4.0)


def test_equal_runs_leave_no_doubt():
    same = result(*[((8, 3, 2), (5, 0, 5))] * 5)
    found = bootstrap(same)
    assert found.over == "runs"
    for name, score in {**same.f_beta, "weighted": same.weighted}.items():
        assert found.intervals[name] == pytest.approx((score, score))


def test_a_good_and_a_bad_run_span_the_interval():
    """Of two runs a quarter of the draws is twice the one, a quarter twice the other."""
    found = bootstrap(result(((10, 0, 0), (10, 0, 0)), ((0, 0, 10), (0, 0, 10))))
    assert found.intervals["a"] == found.intervals["weighted"] == (0.0, 1.0)


def test_the_width_is_that_of_the_spread_over_runs():
    """Recalls of many equal runs at full precision: their mean is off by σ/√n."""
    rng = np.random.default_rng(0)
    hits = rng.binomial(100, 0.6, 40)
    found = bootstrap(result(*[((int(h), 0, 100 - int(h)), (1, 0, 0)) for h in hits]), samples=4000)
    low, high = found.intervals["a"]
    # Where nothing is false, F4 is 17 r / (16 + r); its slope turns a recall's error into its own.
    recall = hits.mean() / 100
    slope = 17 * 16 / (16 + recall) ** 2
    assert (high - low) / (2 * 1.96) == pytest.approx(
        slope * hits.std() / 100 / np.sqrt(len(hits)), rel=0.1
    )


def test_one_run_is_drawn_by_particles():
    found = bootstrap(result(((50, 0, 50), (0, 0, 0))), samples=4000)
    assert found.over == "particles"
    low, high = found.intervals["a"]
    slope = 17 * 16 / 16.5**2
    assert (high - low) / (2 * 1.96) == pytest.approx(slope * 0.05, rel=0.1)
    assert "b" not in found.intervals
    assert found.intervals["weighted"][1] < 0.25, "an absent object keeps its weight, as scored"


def test_a_prediction_for_two_truths_is_no_negative_chance():
    assert bootstrap(result(((2, -1, 0), (1, 0, 0)))).intervals["a"] == (1.0, 1.0)


def test_the_seed_decides():
    some = result(((8, 3, 2), (5, 0, 5)), ((2, 3, 2), (5, 9, 5)), ((8, 3, 9), (1, 0, 5)))
    assert bootstrap(some, seed=1) == bootstrap(some, seed=1)
    assert bootstrap(some, seed=1, samples=50) != bootstrap(some, seed=2, samples=50)


def test_no_runs_have_no_interval():
    assert bootstrap(result()).intervals == {}
