"""Picks and truth that cannot be read, are empty, or lie outside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Refuse = Callable[..., str]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.csv", "nowhere.csv: no such file or folder"),
        ("unknown.csv", "unknown.csv: unknown object 'lagre'|large, small|Did you mean 'large'?"),
        ("columns.csv", "columns.csv: expected columns|add x, y, z, particle_type"),
        ("nan.csv", "nan.csv: a coordinate of pick 1 is not a finite number"),
        ("words.csv", "words.csv: line 2: expected a number for x, found 'a'"),
        ("short.csv", "short.csv: line 2: expected 6 values, found 4"),
        ("bytes.csv", "bytes.csv: expected a CSV table, found no text"),
        ("other.json", "other.json: JSON but not picks: expected 'pickable_object_name'|found a"),
        ("list.json", "list.json: JSON but not picks"),
        ("broken.json", "broken.json: expected copick JSON, found broken JSON"),
        ("point.json", "point.json: expected points with 'location' x, y, z"),
        ("hello.star", "hello.star: expected a STAR file"),
        ("hello.ndjson", "hello.ndjson: line 1: expected a point"),
        ("picks.xyz", "picks.xyz: pick files end in .json, .csv, .ndjson, .star"),
        ("empty", "empty: no pick files"),
    ],
)
def test_picks_that_cannot_be_read_are_refused(name: str, words: str, refuse: Refuse):
    refuse(f"evaluate {name} project/copick.json -o {{out}}", *words.split("|"))
    refuse(f"report {name} project/copick.json -o {{out}}.html", *words.split("|"))


@pytest.mark.parametrize("name", ["nowhere.csv", "columns.csv", "other.json", "broken.json"])
def test_picks_that_cannot_be_read_are_not_converted(name: str, refuse: Refuse):
    refuse(f"convert {name} {{out}}.csv", name)


def test_picks_without_rows_have_no_score_unless_the_runs_are_named(say):
    code, error = say("evaluate none.csv project/copick.json")
    assert code == 2
    assert error.splitlines()[-1] == (
        "tomoscout: none.csv: holds no picks: to count all as missed, name runs with --runs"
    )
    assert say("evaluate none.csv project/copick.json --runs run0")[0] == 0


def test_picks_without_rows_are_converted_with_a_remark(say, out: Path):
    assert say("convert none.csv {out}.star --project project") == (
        0,
        "none.csv: holds no picks\n",
    )
    assert out.with_suffix(".star").exists()


def test_picks_outside_the_volume_are_remarked_on_once(say, capsys):
    code, error = say("evaluate outside.csv project/copick.json")
    assert code == 0
    assert error.splitlines() == [
        "outside.csv: 1 of 2 picks of run 'run0' lie outside its tomogram: "
        "is the voxel spacing 10 Å right?"
    ]


def test_truth_outside_the_volume_is_dropped_with_one_remark(say, shelf, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(shelf / "project", folder)
    config = folder / "copick.json"
    config.write_text(config.read_text().replace(str(shelf), str(tmp_path)))
    (picks,) = (folder / "overlay").glob("ExperimentRuns/run2/Picks/*large.json")
    picks.write_text(picks.read_text().replace('"x": 100.0', '"x": 9999.0'))
    code, error = say(f"evaluate found.csv {folder} --runs run0,run2")
    assert code == 0
    (remark,) = error.splitlines()
    assert remark.startswith(f"{picks}: 1 of 2 picks of run 'run2' lie outside")
    assert "are dropped" in remark


def test_a_truth_that_is_missing_or_misnamed_is_refused(refuse: Refuse):
    refuse("evaluate found.csv nowhere", "nowhere: no such file or folder")
    refuse("evaluate found.csv good.mrc", "good.mrc: none of its 1 runs has picks")
    refuse("evaluate found.csv project --runs rnu0", "no truth for run 'rnu0'", "mean 'run0'?")
    refuse("evaluate found.csv project --runs ,", "--runs: no run in ','")
    refuse("report found.csv project --runs rnu0 -o {out}.html", "no run 'rnu0'", "mean 'run0'?")
    refuse("evaluate found.csv project --objects nowhere.yaml", "nowhere.yaml: no such file")
