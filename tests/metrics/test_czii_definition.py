"""The challenge's metric against its published rules, written out plainly, on random scenes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.metrics import METRICS, Counts
from tomoscout.metrics.czii import score

NAMES = CZII.names
COUNTING = ("czii", "one_to_one")  # those that count hits per run and object
WEIGHTS = {o.name: o.weight for o in CZII.each()}


def on_x(*x, name="apo-ferritin", run="a"):
    return Picks(np.array([[100.0, 200.0, v] for v in x]).reshape(-1, 3), name, run=run)


def reference(picks, truth):
    """F4 by object and the weighted mean, straight from the published rules."""
    runs = {p.run for p in truth}
    classes = {str(n) for p in truth for n in p.objects}
    totals = dict.fromkeys(NAMES, 0.0)
    for name in classes:
        tp = fp = fn = 0
        for run in runs:
            known = np.concatenate([p.of(name).zyx for p in truth if p.run == run])
            found = [p.of(name).zyx for p in picks if p.run == run]
            found = np.concatenate([np.zeros((0, 3)), *found])
            hit = (cdist(found, known) <= CZII[name].radius / 2).any(axis=0).sum()
            tp, fp, fn = tp + hit, fp + len(found) - hit, fn + len(known) - hit
        p = tp / (tp + fp) if tp + fp else 0
        r = tp / (tp + fn) if tp + fn else 0
        totals[name] = 17 * p * r / (16 * p + r) if p + r else 0
    return totals, sum(WEIGHTS[n] * totals[n] for n in NAMES) / sum(WEIGHTS.values())


SCENES = {"seed": st.integers(0, 2**32 - 1), "crowd": st.sampled_from([150, 400])}


def scene(seed, crowd):
    """Picks and truth of up to three runs each, as crowded as a box of ``crowd`` Å makes them."""
    rng = np.random.default_rng(seed)

    def parts():
        runs = rng.choice(list("abc"), rng.integers(1, 4), replace=False)
        sizes = rng.integers(1, 25, len(runs))
        names = NAMES[: rng.integers(1, 7)]
        return [
            Picks(rng.integers(0, crowd, (n, 3)).astype(float), rng.choice(names, n), run=str(run))
            for run, n in zip(runs, sizes, strict=True)
        ]

    return parts(), parts()


@settings(deadline=None, max_examples=100)
@given(**SCENES)
def test_it_equals_the_definition(seed, crowd):
    picks, truth = scene(seed, crowd)
    totals, weighted = reference(picks, truth)
    result = score(picks, truth)
    assert result.f_beta == pytest.approx(totals)
    assert result.weighted == pytest.approx(weighted)


@settings(deadline=None, max_examples=50)
@given(**SCENES)
def test_the_order_of_picks_does_not_matter(seed, crowd):
    picks, truth = scene(seed, crowd)
    rng = np.random.default_rng(seed)
    for metric in (METRICS[name] for name in COUNTING):
        shuffled = metric.score([p[rng.permutation(len(p))] for p in picks], truth)
        assert shuffled.counts == metric.score(picks, truth).counts


@settings(deadline=None, max_examples=50)
@given(**SCENES)
def test_results_of_single_runs_add_up_to_the_whole(seed, crowd):
    picks, truth = scene(seed, crowd)
    for metric in (METRICS[name] for name in COUNTING):
        whole = metric.score(picks, truth)
        total = metric.score(picks, truth[0])
        for part in truth[1:]:
            total = total + metric.score(picks, [part])
        assert total.runs == whole.runs
        assert total.weighted == pytest.approx(whole.weighted)


def test_the_same_run_scored_twice_counts_twice():
    once = score(on_x(500), on_x(500, 900))
    assert (once + once).counts["apo-ferritin"] == Counts(2, 0, 2)
    assert len((once + once).counts["apo-ferritin"].distances) == 2
