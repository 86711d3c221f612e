"""Golden values: the challenge's published metric was run on these cases."""

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.metrics import METRICS, Counts, paired
from tomoscout.metrics.czii import score

NAMES = CZII.names


def on_x(*x, name="apo-ferritin", run="a"):
    return Picks(np.array([[100.0, 200.0, v] for v in x]).reshape(-1, 3), name, run=run)


def far_apart(names=NAMES, run="a"):
    """Two particles of each object, all at least 1000 Å apart."""
    zyx = np.array([[0.0, 1000.0 * i, 1000.0 * j] for i in range(len(names)) for j in range(2)])
    return Picks(zyx, np.repeat(names, 2), run=run)


def ferritin(picks, truth):
    return score(picks, truth).counts["apo-ferritin"]


@pytest.mark.parametrize(
    ("found", "known", "expected"),
    [
        ([500], [500], Counts(1, 0, 0)),
        ([500, 505, 510], [500], Counts(1, 2, 0)),  # duplicates are false alarms
        ([530], [500], Counts(1, 0, 0)),  # exactly half the radius counts
        ([530 + 1e-6], [500], Counts(0, 1, 1)),
        ([515], [500, 529.5], Counts(2, -1, 0)),  # one prediction in two targets
        ([], [500], Counts(0, 0, 1)),
        ([500], [], Counts(0, 1, 0)),
        ([], [], Counts(0, 0, 0)),
        ([500, 505], [500, 560], Counts(1, 1, 1)),  # both near the same truth only
    ],
)
def test_counts_are_those_of_the_challenge(found, known, expected):
    assert ferritin(on_x(*found), on_x(*known)) == expected


def test_a_prediction_in_two_targets_scores_above_one_as_published():
    result = score(on_x(515), on_x(500, 529.5))
    assert result.f_beta["apo-ferritin"] == pytest.approx(17 * 2 / (16 * 2 + 1))


def test_perfect_picks_score_one_with_or_without_the_unweighted_object():
    truth = far_apart()
    assert score(truth, truth).weighted == 1.0
    assert score(truth[truth.objects != "beta-amylase"], truth).weighted == 1.0


def test_every_pick_twice_scores_0_94444():
    truth = far_apart()
    assert score([truth, truth], truth).weighted == pytest.approx(0.94444, abs=5e-6)


def test_nine_false_alarms_per_hit_score_0_65385():
    truth = far_apart()
    wrong = [
        Picks(truth.zyx + np.array([500.0 + i, 0, 0]), truth.objects, run="a") for i in range(9)
    ]
    assert score([truth, *wrong], truth).weighted == pytest.approx(0.65385, abs=5e-6)


def test_no_picks_score_zero():
    assert score(Picks.empty("a"), far_apart()).weighted == 0.0
    assert score([], far_apart()).weighted == 0.0


@pytest.mark.parametrize(
    ("recall", "precision", "expected"),
    [(0.7, 0.05, 0.397), (0.9, 0.3, 0.805), (0.95, 0.5, 0.902), (1.0, 0.1, 0.654)],
)
def test_f4_has_the_published_values(recall, precision, expected):
    tp = 1000
    counts = Counts(tp, round(tp / precision) - tp, round(tp / recall) - tp)
    assert counts.f_beta(4.0) == pytest.approx(expected, abs=6e-4)


def test_an_object_absent_from_the_truth_costs_its_weight_and_is_named():
    truth = far_apart([n for n in NAMES if n != "thyroglobulin"])
    extra = on_x(500, name="thyroglobulin")
    result = score([truth, extra], truth)
    assert result.weighted == pytest.approx(5 / 7)
    assert result.absent == ["thyroglobulin"]
    assert score(truth, truth).weighted == result.weighted  # its false alarms are free
    assert "absent from the truth" in str(result)


def test_an_unweighted_object_absent_from_the_truth_changes_nothing():
    truth = far_apart([n for n in NAMES if n != "beta-amylase"])
    assert score([truth, on_x(500, name="beta-amylase")], truth).weighted == 1.0


def test_false_alarms_count_in_a_run_without_the_object():
    truth = [on_x(500, run="a"), on_x(500, name="ribosome", run="b")]
    picks = [on_x(500, run="a"), on_x(900, run="b")]
    assert ferritin(picks, truth) == Counts(1, 1, 0)


def test_runs_are_paired_by_name():
    truth = [on_x(500, run="a"), on_x(500, run="b")]
    picks = [on_x(500, run="b"), on_x(500, 900, run="unknown")]
    result = score(picks, truth)
    assert result.runs["a"]["apo-ferritin"] == Counts(0, 0, 1)
    assert result.runs["b"]["apo-ferritin"] == Counts(1, 0, 0)
    assert list(result.runs) == ["a", "b"]


def test_two_single_picks_belong_together_when_one_names_no_run():
    assert ferritin(on_x(500, run=""), on_x(500, run="a")) == Counts(1, 0, 0)
    assert ferritin(on_x(500, run="a"), on_x(500, run="")) == Counts(1, 0, 0)
    assert ferritin(on_x(500, run="b"), on_x(500, run="a")) == Counts(0, 0, 1)
    assert list(paired(on_x(500, run=""), on_x(500, run="a"))) == ["a"]


def test_an_unknown_object_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match=r"'ribosom'.*Did you mean 'ribosome'"):
        score(on_x(500, name="ribosom"), on_x(500))


def test_an_unknown_object_in_a_run_that_is_not_scored_does_not_matter():
    assert ferritin([on_x(500), on_x(1, name="x", run="other")], on_x(500)) == Counts(1, 0, 0)


def test_the_error_is_the_median_distance_of_hits():
    result = score(on_x(510, 515, 1020, 3000), on_x(500, 1000, 2000))
    assert result.counts["apo-ferritin"].error == pytest.approx(15.0)  # of 10 and 20
    assert result.counts["ribosome"].error is None


def test_another_reach_and_beta_are_used():
    assert score(on_x(550), on_x(500), radius_fraction=1.0).counts["apo-ferritin"].tp == 1
    even = score(on_x(500, 900), on_x(500), beta=1.0)
    assert even.f_beta["apo-ferritin"] == pytest.approx(2 / 3)


def test_a_table_without_weights_cannot_be_averaged():
    table = ObjectTable(objects=(ObjectType(name="apo-ferritin", radius=60, weight=0),))
    result = score(on_x(500), on_x(500), objects=table)
    assert result.f_beta == {"apo-ferritin": 1.0}
    with pytest.raises(UserError, match="weight"):
        _ = result.weighted


def test_results_of_other_settings_do_not_add_up():
    with pytest.raises(ValueError, match="do not add up"):
        score(on_x(1), on_x(1)) + score(on_x(1), on_x(1), beta=1.0)


def test_the_table_reads_well():
    lines = str(score(on_x(500, 900), on_x(500, 700))).splitlines()
    assert len(lines) == 8
    assert lines[0].split() == ["object", "tp", "fp", "fn", "precision", "recall", "F4"]
    assert lines[1].split() == ["apo-ferritin", "1", "1", "1", "0.500", "0.500", "0.500"]
    assert lines[-1].split() == ["weighted", "0.071"]
    assert len({len(line) for line in (lines[1], lines[-1])}) == 1


def test_perfect_picks_score_one_by_every_metric():
    truth = far_apart()
    for name in ("czii", "one_to_one", "average_precision"):
        assert METRICS[name].score(truth, truth, objects=CZII).weighted == 1.0
