from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import starfile

from tomoscout.cli import main
from tomoscout.commands._demo_fresh import simulate_fresh
from tomoscout.core.picks import Picks
from tomoscout.inference.find import DEFAULT, FOLDER_VARIABLE, shipped_weights
from tomoscout.inference.weights import load_detector
from tomoscout.io.project import open_project

BOTH = pytest.mark.parametrize("name", ["demo", "demo-train"])


@BOTH
def test_a_demo_leaves_what_it_promises(name, demo):
    for file in (
        "report.html",
        "picks/picks.star",
        "picks/picks.csv",
        "picks/pick.json",
        "evaluation/evaluation.json",
    ):
        assert (demo / name / file).stat().st_size > 0, file
    found = (demo / name / "picks/ExperimentRuns").glob("*/Picks/tomoscout_0_ribosome.json")
    assert list(found)


@BOTH
def test_star_and_csv_hold_the_same_number_of_picks(name, demo):
    folder = demo / name / "picks"
    counted = json.loads((folder / "pick.json").read_text())["runs"]
    total = sum(sum(run["picks"].values()) for run in counted.values())
    rows = (folder / "picks.csv").read_text().splitlines()
    assert len(rows) - 1 == total
    table = starfile.read(folder / "picks.star", always_dict=True)
    assert sum(len(block) for block in table.values() if "rlnTomoName" in block) == total


def test_thresholds_were_not_tuned_on_the_run_that_is_scored(demo):
    card = load_detector(demo / "demo-train/model").card
    scored = set(json.loads((demo / "demo-train/picks/pick.json").read_text())["runs"])
    made = [demo / "demo-train" / part / "simulation.json" for part in ("training", "heldout")]
    seeds = [json.loads(path.read_text())["settings"]["seed"] for path in made]
    assert seeds[0] != seeds[1]
    assert set(card.trained_on) & set(card.tuned_on) == set()
    assert len(scored) == 1


def test_the_short_demo_uses_the_shipped_weights_on_the_full_microscope(demo):
    settings = json.loads((demo / "demo/picks/pick.json").read_text())["settings"]
    assert settings["weights"] == load_detector(shipped_weights()[DEFAULT]).fingerprint
    made = json.loads((demo / "demo/simulated/simulation.json").read_text())["settings"]
    assert made["preset"]["physics"] == "full"
    assert not (demo / "demo/model").exists()


def test_the_training_demo_simulates_alike_tomograms_with_the_quick_microscope(demo):
    for part in ("training", "heldout"):
        made = json.loads((demo / "demo-train" / part / "simulation.json").read_text())
        preset = made["settings"]["preset"]
        assert preset["physics"] == "quick"
        assert preset["vary"]["crowding"] == preset["vary"]["debris"] == [1, 1]


@pytest.mark.parametrize(
    ("command", "unchanged"),
    [
        ("demo", "demo/simulated/ExperimentRuns"),
        ("demo --train --steps 3", "demo-train/model/model.safetensors"),
    ],
)
def test_a_second_demo_in_the_same_folder_goes_on_instead_of_starting_anew(
    command, unchanged, again, capsys
):
    before = times(again / unchanged)
    assert main(command.split()) == 0
    assert times(again / unchanged) == before
    last = capsys.readouterr().out.strip().splitlines()[-5:]
    assert [line.split()[0] for line in last] == ["page", "picks", "model", "score", "next"]


def times(path: Path) -> list[int]:
    """When a file, or the files in a folder, were written."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return [file.stat().st_mtime_ns for file in files]


def test_another_seed_simulates_another_tomogram(again, tmp_path):
    other = truth(simulate_fresh(tmp_path, seed=7, overwrite=False))
    mine = truth(again / "demo/simulated/copick.json")
    assert len(mine) != len(other) or (mine.zyx != other.zyx).any()


def truth(project: Path) -> Picks:
    """The true picks of a demo's tomogram."""
    return open_project(project).runs[0].picks()


def test_steps_without_a_training_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--steps", "3"]) == 2
    assert "--steps: of the training" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_shipped_weights_the_demo_names_the_one_that_trains(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tomoscout.inference.find.SHIPPED", tmp_path / "nothing")
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert main(["demo"]) == 2
    assert "or make some: tomoscout demo --train" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@BOTH
def test_the_demos_as_shipped_reach_their_marks(name, tmp_path, monkeypatch):
    """README's promise: weighted F4 of 0.80 or more on a tomogram that nothing was fitted to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    clock, work = time.perf_counter(), time.process_time()
    assert main(["demo", *(["--train"] if name == "demo-train" else []), "--quiet"]) == 0
    # What two cores with nothing else to do would take, should others be at work here.
    seconds = min(time.perf_counter() - clock, (time.process_time() - work) / 2)
    assert name == "demo-train" or seconds < 60
    scores = json.loads((tmp_path / name / "evaluation/evaluation.json").read_text())["scores"]
    assert scores["czii"]["weighted"] >= 0.80
