"""``tomoscout crossval``: folds that resume, and a summary that adds up."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.commands.crossval import _looking
from tomoscout.commands.train import train_with_bar
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import parse_overrides
from tomoscout.core.volume import Volume
from tomoscout.io.picks import write_picks
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.training import crossval
from tomoscout.training.recipe import read_recipe

OBJECTS = ObjectTable(objects=(ObjectType(name="ball", radius=40),))
FAST = [
    *("--training.steps", "2", "--training.validate-every", "2", "--training.batch-size", "1"),
    *("--training.ema", "0", "--sampling.patch", "16,16,16", "--model.widths", "4,8"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Three runs of noise with one particle each: what is found is planted by the tests."""
    root = tmp_path_factory.mktemp("project")
    for index in range(3):
        data = np.random.default_rng(index).normal(size=(24, 24, 24)).astype(np.float32)
        picks = Picks(np.array([[100.0, 100.0, 100.0]]), "ball")
        write_run(root, f"run{index}", Volume(data, 10.0), picks)
    write_copick_config(root, OBJECTS, name="balls")
    return root / "copick.json"


@pytest.fixture(scope="module")
def done(project, tmp_path_factory) -> Path:
    """Two of three folds, done one after the other."""
    output = tmp_path_factory.mktemp("crossval") / "out"
    for folds in ("0", "2"):
        assert main(["crossval", str(project), "-o", str(output), "--folds", folds, *FAST]) == 0
    return output


def plant(output: Path, run: str, hit: float, alarm: float) -> None:
    """Let a fold have found its particle at one score, and something else at another."""
    zyx = np.array([[100.0, 100, 100], [200.0, 200, 200]])
    picks = Picks(zyx, "ball", np.array([hit, alarm]), run=run)
    write_picks(picks, output / f"fold_{run}" / crossval.CANDIDATES)


def test_each_fold_is_a_training_of_the_other_runs(done):
    assert {path.name for path in done.glob("fold_*")} == {"fold_run0", "fold_run2"}
    from tomoscout.inference.weights import load_detector

    card = load_detector(done / "fold_run2").card
    assert (card.trained_on, card.tuned_on) == (("run0", "run1"), ("run2",))
    assert (done / "fold_run2" / crossval.CANDIDATES).is_file()


def test_folds_that_are_done_are_skipped_and_the_rest_is_done(project, done, capsys, monkeypatch):
    plant(done, "run0", 0.9, 0.3)
    plant(done, "run2", 0.8, 0.2)
    trained, really = [], train_with_bar

    def note(project, folder, **kwargs):
        trained.append(kwargs["validation"])
        really(project, folder, **kwargs)

    def found(part, *_, **__):
        plant(done, part.name, 0.85, 0.25)

    monkeypatch.setattr("tomoscout.commands.train.train_with_bar", note)
    monkeypatch.setattr(crossval, "pick_held_out", found)
    assert main(["crossval", str(project), "-o", str(done), *FAST]) == 0
    assert trained == [["run1"]]
    told = capsys.readouterr().out
    assert "fold run0: done before" in told
    assert "mean of 3 folds" in told
    # Thresholds: run1's is midway of 0.8 and 0.3, and so on; all find their particle alone.
    summary = json.loads((done / "crossval.json").read_text())
    assert {name: fold["f4"] for name, fold in summary["folds"].items()} == {
        name: {"ball": 1.0} for name in ("run0", "run1", "run2")
    }
    rows = list(csv.DictReader((done / "crossval.csv").read_text().splitlines()))
    assert [row["object"] for row in rows] == ["ball", "weighted"]
    assert (rows[0]["tp"], rows[0]["fp"], rows[0]["fn"]) == ("3", "0", "0")
    assert float(rows[1]["pooled"]) == float(rows[1]["low"]) == float(rows[1]["high"]) == 1.0
    assert "95 % interval" in told


def test_the_last_weights_are_scored_unless_the_best_are_asked_for(project, done, monkeypatch):
    from tomoscout.inference.weights import load_detector

    assert load_detector(done / "fold_run0").card.recipe["training"]["keep"] == "last"
    kept = []
    monkeypatch.setattr(
        "tomoscout.commands.crossval._do",
        lambda part, project, recipe, **_: kept.append(recipe.training.keep),
    )
    output = str(done.parent / "best")
    asked = [*FAST, "--folds", "0", "--training.keep", "best"]
    assert main(["crossval", str(project), "-o", output, *asked]) == 0
    assert kept == ["best"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], []),
        (["--training.keep", "best", "--training.patience", "3"], ["keep best", "patience"]),
        (["--training.schedule", "plateau"], ["schedule plateau"]),
    ],
)
def test_what_lets_the_held_out_run_decide_is_told(flags, told):
    read = read_recipe(
        "scout",
        parse_overrides(
            tuple(f"{a[2:]}={b}" for a, b in zip(flags[::2], flags[1::2], strict=True))
        ),
        under={"training": {"keep": "last"}},
    )
    assert _looking(read) == [f"training.{name}" for name in told]


def test_another_recipe_is_not_mixed_in(project, done, capsys):
    command = ["crossval", str(project), "-o", str(done), *FAST, "--training.seed", "1"]
    assert main(command) == 2
    assert "holds a training with another recipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--folds", "3"], "there are 3 folds, choose 0 to 2"),
        (["--folds", "first"], "give numbers separated by commas"),
        (["--k", "4"], "4 folds of 3 runs"),
        (["--data.source", "simulation"], "crossval trains on the project's runs"),
    ],
)
def test_mistakes_are_told_in_one_line(flags, words, project, tmp_path, capsys):
    assert main(["crossval", str(project), "-o", str(tmp_path / "out"), *flags]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_train_takes_a_number_or_all_as_fold(project, tmp_path, capsys):
    assert main(["train", str(project), "-o", str(tmp_path / "out"), "--fold", "one"]) == 2
    assert "--fold 'one': give the number of a run, from 0, or all" in capsys.readouterr().err
