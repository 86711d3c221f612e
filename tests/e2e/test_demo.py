from __future__ import annotations

import json

import pytest
import starfile

from tomoscout.cli import main


def test_the_demo_leaves_what_it_promises(demo):
    for name in (
        "demo/report.html",
        "demo/picks/picks.star",
        "demo/picks/picks.csv",
        "demo/picks/pick.json",
        "demo/model/model.safetensors",
        "demo/evaluation/evaluation.json",
    ):
        assert (demo / name).stat().st_size > 0, name
    assert list((demo / "demo/picks/ExperimentRuns").glob("*/Picks/tomoscout_0_ribosome.json"))


def test_star_and_csv_hold_the_same_number_of_picks(demo):
    counted = json.loads((demo / "demo/picks/pick.json").read_text())["runs"]
    total = sum(sum(run["picks"].values()) for run in counted.values())
    rows = (demo / "demo/picks/picks.csv").read_text().splitlines()
    assert len(rows) - 1 == total
    table = starfile.read(demo / "demo/picks/picks.star", always_dict=True)
    assert sum(len(block) for block in table.values() if "rlnTomoName" in block) == total


def test_thresholds_were_not_tuned_on_the_run_that_is_scored(demo):
    from tomoscout.inference.weights import load_detector

    card = load_detector(demo / "demo/model").card
    scored = set(json.loads((demo / "demo/picks/pick.json").read_text())["runs"])
    seeds = json.loads((demo / "demo/training/simulation.json").read_text())["settings"]
    other = json.loads((demo / "demo/heldout/simulation.json").read_text())["settings"]
    assert seeds["seed"] != other["seed"]
    assert set(card.trained_on) & set(card.tuned_on) == set()
    assert len(scored) == 1


def test_a_second_demo_in_the_same_folder_goes_on_instead_of_starting_anew(
    demo, monkeypatch, capsys
):
    from tomoscout.commands import demo as module

    monkeypatch.setattr(module, "SHAPE", (64, 128, 128))
    monkeypatch.setattr(module, "CROWDING", 12.0)
    monkeypatch.chdir(demo)
    before = (demo / "demo/model/model.safetensors").read_bytes()
    assert main(["demo", "-o", "demo", "--steps", "3"]) == 0
    assert (demo / "demo/model/model.safetensors").read_bytes() == before
    last = capsys.readouterr().out.strip().splitlines()[-5:]
    assert [line.split()[0] for line in last] == ["page", "picks", "model", "score", "next"]


@pytest.mark.slow
def test_the_demo_as_shipped_reaches_its_mark(tmp_path, monkeypatch):
    """README's promise: weighted F4 of 0.80 or more on the held-out tomogram."""
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "-o", "demo", "--quiet"]) == 0
    scores = json.loads((tmp_path / "demo/evaluation/evaluation.json").read_text())["scores"]
    assert scores["czii"]["weighted"] >= 0.80
