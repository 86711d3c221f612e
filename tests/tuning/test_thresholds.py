import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.metrics import Counts, czii
from tomoscout.tuning.thresholds import sweep


def on_x(x, scores=None, name="apo-ferritin", run="a"):
    zyx = np.array([[100.0, 200.0, v] for v in x]).reshape(-1, 3)
    return Picks(zyx, name, None if scores is None else np.array(scores, float), run=run)


TRUTH = on_x([1000, 2000, 3000, 4000])


def test_the_best_threshold_lies_midway_in_ratio_between_accepted_and_refused():
    # With F4 three false alarms do not outweigh the last hit, twenty do.
    wrong = [5000 + 100 * i for i in range(20)]
    scores = [0.9, 0.8, 0.7, 0.4, *np.linspace(0.39, 0.2, 20)]
    swept = sweep(on_x([1000, 2000, 3000, 4000, *wrong], scores), TRUTH, objects=CZII)
    best = swept["apo-ferritin"].best
    assert best.threshold == pytest.approx(math.sqrt(0.4 * 0.39))
    assert best.counts == Counts(4, 0, 0)
    assert best.f_beta == 1.0


def test_recall_is_worth_some_false_alarms():
    picks = on_x([1000, 2000, 3000, 7000, 7500, 8000, 4000], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    best = sweep(picks, TRUTH, objects=CZII)["apo-ferritin"].best
    assert best.counts == Counts(4, 3, 0)
    assert best.threshold == 0.3  # the lowest score: below it nobody looked
    assert sweep(picks, TRUTH, objects=CZII, beta=0.5)["apo-ferritin"].best.counts.fp == 0


def test_of_equally_good_thresholds_the_lowest_is_taken():
    x, scores = [1000, 7000, 7100, 7200, 7300, 2000], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    best = sweep(on_x(x, scores), TRUTH, objects=CZII, beta=1.0)["apo-ferritin"].best
    assert best.counts == Counts(2, 4, 2)  # F1 is 0.4 here, and with the first pick alone
    assert best.f_beta == pytest.approx(0.4)


def test_the_curves_are_those_of_the_counts():
    picks = on_x([1000, 7000, 2000], [0.9, 0.8, 0.7])
    curve = sweep(picks, TRUTH, objects=CZII)["apo-ferritin"]
    np.testing.assert_array_equal(curve.thresholds, [0.9, 0.8, 0.7])
    np.testing.assert_array_equal(curve.tp, [1, 1, 2])
    np.testing.assert_array_equal(curve.n_predicted, [1, 2, 3])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 4, 2 / 4])
    assert curve.n_truth == 4


def test_equal_scores_enter_together():
    curve = sweep(on_x([1000, 7000, 2000], [0.5, 0.5, 0.5]), TRUTH, objects=CZII)["apo-ferritin"]
    np.testing.assert_array_equal(curve.thresholds, [0.5])
    assert curve.best.counts == Counts(2, 1, 2)


def test_a_duplicate_is_a_false_alarm_and_its_better_twin_the_hit():
    curve = sweep(on_x([1000, 1005], [0.6, 0.9]), TRUTH, objects=CZII)["apo-ferritin"]
    np.testing.assert_array_equal(curve.tp, [1, 1])
    assert curve.best.counts == Counts(1, 0, 3)


def test_a_threshold_between_neighbouring_floats_still_refuses_the_lower():
    low = 0.5
    high = np.nextafter(low, 1)
    picks = on_x([1000, *range(5000, 9000, 100)], [high, *[low] * 40])
    best = sweep(picks, on_x([1000]), objects=CZII)["apo-ferritin"].best
    assert len(picks.above({"apo-ferritin": best.threshold})) == 1


def test_an_object_without_truth_keeps_the_default_and_says_so():
    swept = sweep(on_x([1000], [0.9], name="ribosome"), TRUTH, objects=CZII, default=0.25)
    ribosome = swept["ribosome"]
    assert not ribosome.is_tuned
    assert ribosome.best.threshold == 0.25
    assert ribosome.best.counts == Counts(0, 1, 0)
    assert "ribosome: no particle in the truth, the threshold stays 0.25" in ribosome.caution
    assert "no pick hits one of its 4" in swept["apo-ferritin"].caution
    assert swept["apo-ferritin"].best.counts == Counts(0, 0, 4)


def test_few_particles_are_flagged_and_enough_are_not():
    x = [1000.0 * i for i in range(20)]
    for n, flagged in ((19, True), (20, False)):
        swept = sweep(on_x(x[:n], [0.5] * n), on_x(x[:n]), objects=CZII)["apo-ferritin"]
        assert swept.is_tuned
        assert bool(swept.caution) is flagged


def test_an_unknown_object_is_refused():
    with pytest.raises(UserError, match="Did you mean 'apo-ferritin'"):
        sweep(on_x([1], [0.5], name="apoferritin"), TRUTH, objects=CZII)


def test_no_picks_at_all_can_be_swept():
    swept = sweep([], TRUTH, objects=CZII)["apo-ferritin"]
    assert len(swept.thresholds) == len(swept.f_beta) == 0
    assert swept.best.f_beta == 0.0


def scene(seed, crowd, levels):
    """Picks and truth of up to three runs each; few levels make many equal scores."""
    rng = np.random.default_rng(seed)

    def parts(most):
        return [
            Picks(
                rng.integers(0, crowd, (n, 3)).astype(float),
                rng.choice(CZII.names[:2], n),
                rng.integers(1, levels + 1, n) / levels,
                run=str(run),
            )
            for run in rng.choice(list("abc"), rng.integers(1, 4), replace=False)
            for n in [int(rng.integers(0, most))]
        ]

    return parts(20), parts(12)


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    crowd=st.sampled_from([120, 400]),
    levels=st.sampled_from([2, 5, 10**6]),
    beta=st.sampled_from([0.5, 1.0, 4.0]),
)
def test_every_threshold_scores_as_the_metric_says(seed, crowd, levels, beta):
    picks, truth = scene(seed, crowd, levels)
    swept = sweep(picks, truth, objects=CZII, beta=beta)
    for name in CZII.names[:2]:
        curve = swept[name]
        brute = []
        for rank, threshold in enumerate(curve.thresholds):
            kept = [p.above({name: float(threshold)}) for p in picks]
            counts = czii.score(kept, truth, objects=CZII, beta=beta).counts[name]
            assert counts == curve.at(float(threshold)).counts
            assert counts.tp == curve.tp[rank]
            brute.append(counts.f_beta(beta))
        np.testing.assert_allclose(curve.f_beta, brute)
        if not curve.is_tuned:
            continue
        best = curve.best
        kept = [p.above({name: best.threshold}) for p in picks]
        result = czii.score(kept, truth, objects=CZII, beta=beta)
        assert result.counts[name] == best.counts
        assert result.f_beta[name] == pytest.approx(max(brute)) == pytest.approx(best.f_beta)


def test_a_hundred_thousand_picks_are_swept_at_once():
    rng = np.random.default_rng(0)
    truth = Picks(rng.random((5000, 3)) * 20_000, "ribosome")
    picks = Picks(rng.random((100_000, 3)) * 20_000, "ribosome", rng.random(100_000))
    curve = sweep(picks, truth, objects=CZII)["ribosome"]
    assert len(curve.thresholds) == 100_000
    assert np.all(np.diff(curve.tp) >= 0)


def test_nothing_below_the_last_hit_moves_the_threshold_towards_the_floor():
    picks = on_x([1000, 2000, 3000, 4000], [0.9, 0.8, 0.7, 0.4])
    known = sweep(picks, TRUTH, objects=CZII, floor=0.1)["apo-ferritin"].best
    unknown = sweep(picks, TRUTH, objects=CZII)["apo-ferritin"].best
    assert known.threshold == pytest.approx(math.sqrt(0.4 * 0.1))
    assert unknown.threshold == pytest.approx(0.4)


def test_a_steady_threshold_gives_way_to_where_a_miss_would_cost_most():
    """Scores of 0.5 found, nothing wrong above 0.1: scores a third lower must still pass."""
    picks = on_x([1000, 2000, 3000, 4000, *range(5000, 6000, 100)], [0.5] * 4 + [0.1] * 10)
    swept = sweep(picks, TRUTH, objects=CZII, floor=0.03)["apo-ferritin"]
    steady = swept.steady(0.4)
    assert 0.1 < steady.threshold < swept.best.threshold < 0.5
    assert steady.counts == Counts(4, 0, 0)
    assert swept.steady(0.0) == swept.best


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0.05, 1.0))
def test_a_steady_threshold_lies_within_the_scores_and_is_never_better_than_the_best(seed, spread):
    rng = np.random.default_rng(seed)
    x = [*rng.uniform(1000, 4000, 12)]
    swept = sweep(on_x(x, rng.uniform(0.05, 1, 12)), TRUTH, objects=CZII, floor=0.05)
    one = swept["apo-ferritin"]
    steady = one.steady(spread)
    assert steady.f_beta <= one.best.f_beta + 1e-12
    if one.is_tuned:
        assert 0.05 * 0.999 <= steady.threshold <= one.thresholds[0] * 1.001
