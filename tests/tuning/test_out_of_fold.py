"""Cross-validation: no run has a say in the thresholds it is scored with."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.tuning.out_of_fold import FoldPicks, score_folds

OBJECTS = ObjectTable(
    objects=(ObjectType(name="a", radius=20), ObjectType(name="b", radius=20, weight=3))
)


def fold(run: str, hits: float, alarms: float, *, name: str = "a", count: int = 4) -> FoldPicks:
    """As many true picks of one score as false ones of another, far apart."""
    truth = np.arange(count)[:, None] * np.array([[100.0, 0, 0]])
    zyx = np.concatenate([truth, truth + np.array([0, 5000.0, 0])])
    scores = np.repeat([hits, alarms], count)
    return FoldPicks([Picks(zyx, name, scores, run=run)], [Picks(truth, name, run=run)])


def test_thresholds_come_from_the_other_folds_only():
    """The third fold's scores are all lower: its own best threshold would save it."""
    folds = {"1": fold("r1", 0.9, 0.4), "2": fold("r2", 0.9, 0.4), "3": fold("r3", 0.3, 0.1)}
    result = score_folds(folds, objects=OBJECTS, spread=0.0, floor=0.03)
    assert result.thresholds["3"]["a"] == pytest.approx(np.sqrt(0.9 * 0.4))
    assert result.folds["3"].counts["a"].tp == 0, "0.6 takes none of its picks"
    assert result.folds["1"].counts["a"].tp == 4
    # From folds 2 and 3: hits at 0.9 and 0.3, alarms at 0.4 between them. Taking all hits costs
    # four false alarms, and F4 forgives them.
    assert result.thresholds["1"]["a"] == pytest.approx(np.sqrt(0.3 * 0.1))
    counts = result.pooled.counts["a"]
    assert (counts.tp, counts.fp, counts.fn) == (8, 8, 4)


def test_a_run_changes_nothing_about_its_own_thresholds():
    one = {"1": fold("r1", 0.9, 0.4), "2": fold("r2", 0.8, 0.3)}
    other = {**one, "2": fold("r2", 0.2, 0.1)}
    first, second = (score_folds(f, objects=OBJECTS, spread=0.4, floor=0.03) for f in (one, other))
    assert first.thresholds["2"] == second.thresholds["2"]
    assert first.thresholds["1"] != second.thresholds["1"]


def test_mean_and_spread_leave_out_folds_without_the_object():
    folds = {
        "1": fold("r1", 0.9, 0.4),
        "2": fold("r2", 0.9, 0.4),
        "3": fold("r3", 0.9, 0.4, name="b"),
    }
    result = score_folds(folds, objects=OBJECTS, spread=0.0, floor=0.03)
    assert result.spread("a") == (1.0, 0.0)
    # Nothing but its own fold knows b, so its threshold stays at a half and its picks are right.
    assert result.thresholds["3"]["b"] == 0.5
    assert result.spread("b") == (1.0, 0.0)
    assert result.spread("weighted") == (1.0, 0.0)


def test_one_fold_leaves_nothing_to_tune_on():
    with pytest.raises(UserError, match="two or more are needed"):
        score_folds({"1": fold("r", 0.9, 0.4)}, objects=OBJECTS, spread=0.0, floor=0.03)


def test_the_interval_of_the_pooled_score_holds_it_and_widens_with_luck():
    alike = {name: fold(f"r{name}", 0.9, 0.4) for name in "1234"}
    result = score_folds(alike, objects=OBJECTS, spread=0.0, floor=0.03)
    assert result.intervals().intervals["a"] == (1.0, 1.0)
    unlike = {**alike, "4": fold("r4", 0.3, 0.1)}
    result = score_folds(unlike, objects=OBJECTS, spread=0.0, floor=0.03)
    low, high = result.intervals().intervals["a"]
    assert low < result.pooled.f_beta["a"] < high
    assert result.intervals() == result.intervals()
