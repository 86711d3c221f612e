"""One threshold for all objects: as good as any that there is, by the metric itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.metrics import czii
from tomoscout.tuning.shared import shared_points, weighted
from tomoscout.tuning.thresholds import sweep

OBJECTS = ObjectTable(
    objects=(
        ObjectType(name="a", radius=60),
        ObjectType(name="b", radius=40, weight=2),
        ObjectType(name="c", radius=40, weight=0),
    )
)
WEIGHTS = {entry.name: entry.weight for entry in OBJECTS.each()}


def line(name, x, scores=None):
    zyx = np.array([[0.0, 0.0, v] for v in x]).reshape(-1, 3)
    return Picks(zyx, name, None if scores is None else np.array(scores, float), run="r")


def shared(parts, truth, **options):
    return shared_points(sweep(parts, truth, objects=OBJECTS), WEIGHTS, **options)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    levels=st.sampled_from([2, 5, 10**6]),
    beta=st.sampled_from([0.5, 4.0]),
)
def test_no_threshold_scores_better_for_all_objects_together(seed, levels, beta):
    rng = np.random.default_rng(seed)

    def parts(most):
        return [
            Picks(
                rng.integers(0, 200, (n, 3)).astype(float),
                rng.choice(OBJECTS.names, n),
                rng.integers(1, levels + 1, n) / levels,
                run=run,
            )
            for run in "xy"
            for n in [int(rng.integers(0, most))]
        ]

    found, truth = parts(20), parts(10)
    sweeps = sweep(found, truth, objects=OBJECTS, beta=beta)
    points = shared_points(sweeps, WEIGHTS)
    (threshold,) = {point.threshold for point in points.values()}

    def score(limit):
        kept = [p.above(dict.fromkeys(OBJECTS.names, limit)) for p in found]
        return czii.score(kept, truth, objects=OBJECTS, beta=beta)

    every = np.unique(np.concatenate([p.score_array for p in found] or [[0.5]]))
    brute = [score(float(limit)).weighted for limit in every]
    here = score(threshold)
    assert weighted(points, WEIGHTS) == pytest.approx(here.weighted)
    assert here.weighted == pytest.approx(max(brute, default=0.0))
    for name, point in points.items():
        assert point.counts == here.counts[name]


def test_the_heavier_object_has_more_say():
    """a is best at 0.5, b at 0.1; at 0.1 a has 40 false alarms for its one hit, at 0.5 b none."""
    found = [
        line("a", [0, *range(5000, 9000, 100)], [0.5, *[0.2] * 40]),
        line("b", [0, 1000], [0.1, 0.1]),
    ]
    truth = [line("a", [0]), line("b", [0, 1000])]
    points = shared(found, truth)
    assert points["a"].threshold == points["b"].threshold == 0.1
    assert (points["b"].f_beta, points["a"].counts.fp) == (1.0, 40)


def test_false_alarms_of_an_object_without_weight_cost_nothing():
    found = [line("a", [0, 1000], [0.9, 0.3]), line("c", range(9000, 9900, 10), [0.6] * 90)]
    points = shared(found, [line("a", [0, 1000]), line("c", [0])])
    assert points["a"].counts.tp == 2
    assert points["c"].counts.fp == 90


def test_the_threshold_lies_midway_to_the_next_false_alarm_of_any_object_with_hits():
    found = [line("a", [0, 5000], [0.8, 0.1]), line("b", [0, 7000, 8000, 9000], [0.8] + [0.4] * 3)]
    truth = [line("a", [0]), line("b", [0])]
    assert shared(found, truth)["a"].threshold == pytest.approx(math.sqrt(0.8 * 0.4))


def test_nothing_found_leaves_the_default():
    points = shared([line("a", [5000], [0.9])], [line("a", [0])])
    assert {point.threshold for point in points.values()} == {0.5}


def test_a_steady_threshold_gives_way_for_all():
    found = [line("a", [0, *range(5000, 6000, 100)], [0.5, *[0.1] * 10]), line("b", [0], [0.5])]
    truth = [line("a", [0]), line("b", [0])]
    best, steady = shared(found, truth), shared(found, truth, spread=0.4)
    assert 0.1 < steady["a"].threshold < best["a"].threshold < 0.5
