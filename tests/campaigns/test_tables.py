"""Tables whose every number can be checked by hand."""

from __future__ import annotations

import csv
import io

import pytest

from samples.campaigns import campaign, crossval, refs
from tomoscout.campaigns.lines import to_csv
from tomoscout.campaigns.plan import make_plan
from tomoscout.campaigns.tables import (
    comparison,
    comparison_by_particle,
    gather,
    per_fold,
    per_fold_and_particle,
    per_tomogram,
    times,
)
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.parameters import Parameters
from tomoscout.metrics import Counts

OBJECTS = ObjectTable(
    objects=(
        ObjectType(name="ball", radius=40, weight=1),
        ObjectType(name="rod", radius=40, weight=3),
    )
)


def f4(tp, fp, fn):
    return 17 * tp / (17 * tp + 16 * fn + fp)


@pytest.fixture
def scored():
    """Two folds on two runs each; rods are only in the first fold's."""
    rows = [
        *make_plan(campaign(), [crossval(("a", "b"))], validation=refs("validation", ("a", "b")),
                   test=refs("test", ("x", "y"), "other")).rows,
    ]  # fmt: skip
    balls = {"a": [(8, 2, 2), (2, 0, 8)], "b": [(10, 0, 0), (0, 5, 10)]}
    rods = {"a": [(4, 0, 0), (0, 0, 4)], "b": [(0, 3, 0), (0, 0, 0)]}
    counts = {
        row.key: {
            run: {
                "ball": Counts(*balls[row.scorer.fold][i]),
                "rod": Counts(*rods[row.scorer.fold][i]),
            }
            for i, run in enumerate(("x", "y"))
        }
        for row in rows
    }
    found = Parameters(thresholds={"ball": 0.25, "rod": 0.5}, tuned_on=("a", "b"))
    return gather(rows, counts, {row.key: found for row in rows}, objects=OBJECTS)


BALL = {"a": f4(10, 2, 10), "b": f4(10, 5, 10)}
ROD = {"a": f4(4, 0, 4), "b": 0.0}
SCORE = {name: (BALL[name] + 3 * ROD[name]) / 4 for name in "ab"}


def test_a_folds_score_has_the_counts_of_its_runs_together(scored):
    lines = per_fold(scored)
    assert [line["fold"] for line in lines] == ["a", "b"]
    assert [line["f4"] for line in lines] == pytest.approx([SCORE["a"], SCORE["b"]])
    x, y = (f4(8, 2, 2) + 3) / 4, f4(2, 0, 8) / 4
    assert lines[0]["per_run_mean"] == pytest.approx((x + y) / 2)
    assert lines[0]["num_tomos"] == 2
    assert '"ball": 0.25' in lines[0]["params_json"]


def test_folds_are_compared_by_mean_and_spread_and_by_pooled_counts(scored):
    (line,) = comparison(scored)
    mean = (SCORE["a"] + SCORE["b"]) / 2
    assert line["mean_f4"] == pytest.approx(mean)
    assert line["std_f4"] == pytest.approx(abs(SCORE["a"] - mean))
    assert (line["best_f4"], line["best_fold"]) == (pytest.approx(SCORE["a"]), "a")
    assert line["pooled_f4"] == pytest.approx((f4(20, 7, 20) + 3 * f4(4, 3, 4)) / 4)
    assert (line["folds"], line["num_tomos"]) == (2, 4)
    # Drawn anew, both runs are x, or both y, or one of each: x is the better one.
    x, y = (f4(18, 2, 2) + 3 * f4(4, 3, 0)) / 4, (f4(2, 5, 18) + 3 * 0) / 4
    assert (line["low_f4"], line["high_f4"]) == pytest.approx((y, x))


def test_a_fold_without_an_object_has_no_say_in_its_mean(scored):
    ball, rod = comparison_by_particle(scored)
    assert (ball["object"], ball["folds"]) == ("ball", 2)
    assert ball["mean_f4"] == pytest.approx((BALL["a"] + BALL["b"]) / 2)
    assert (rod["object"], rod["folds"], rod["std_f4"]) == ("rod", 1, 0.0)
    assert rod["mean_f4"] == pytest.approx(ROD["a"])
    assert (rod["tp"], rod["fp"], rod["fn"]) == (4, 3, 4)  # of all folds


def test_the_best_comes_first():
    rows = make_plan(
        campaign(tta=["none", "z_flip", "d4z"]),
        [crossval(("a", "b"))],
        validation=refs("validation", ("a", "b")),
        test=refs("test", ("x",), "other"),
    ).rows
    hits = {"none": 5, "z_flip": 9, "d4z": 7}
    counts = {
        row.key: {"x": {"ball": Counts(hits[row.tta], 0, 10 - hits[row.tta]), "rod": Counts()}}
        for row in rows
    }
    scored = gather(rows, counts, {row.key: Parameters() for row in rows}, objects=OBJECTS)
    assert [line["tta"] for line in comparison(scored)] == ["z_flip", "d4z", "none"]
    by_particle = comparison_by_particle(scored)
    assert [line["tta"] for line in by_particle[:3]] == ["z_flip", "d4z", "none"]
    assert by_particle[3]["mean_f4"] is None  # no rods anywhere


def test_per_tomogram_there_is_a_line_per_object_and_one_for_all(scored):
    lines = per_tomogram(scored)
    assert len(lines) == 2 * 2 * 3
    first = lines[:3]
    assert [line["object"] for line in first] == ["ball", "rod", "weighted"]
    assert {line["run"] for line in first} == {"x"}
    assert first[2]["f4"] == pytest.approx((f4(8, 2, 2) + 3) / 4)
    assert per_fold_and_particle(scored)[0]["threshold"] == 0.25


def test_what_is_written_can_be_read(scored):
    rows = list(csv.DictReader(io.StringIO(to_csv(per_tomogram(scored)))))
    assert rows[0]["precision"] == "0.8"
    assert rows[2]["tp"] == ""
    assert float(rows[2]["f4"]) == pytest.approx((f4(8, 2, 2) + 3) / 4, abs=1e-6)
    assert to_csv([]) == ""


def test_times_are_of_what_was_timed():
    group, other = ("scout", "best_single", "none", "", ""), ("scout", "kfold", "none", "", "")
    (line,) = times({group: [2.0, 4.0]}, [group, group, other])
    assert (line["time_per_tomo"], line["maps"], line["shortest"]) == (3.0, 2, 2.0)
