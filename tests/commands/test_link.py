"""The verb ``link``, through the command line as users call it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.picks import read_picks
from tomoscout.io.project import open_project
from tomoscout.io.volumes import write_volume
from tomoscout.io.yolo import write_yolo

TRUTH = {
    "TS_1": Picks(np.array([[200.0, 150, 160], [200.0, 320, 330]]), "ribosome", run="TS_1"),
    "TS_2": Picks(np.array([[150.0, 200, 210], [250.0, 200, 210]]), "apo-ferritin", run="TS_2"),
}


def run(*arguments: object) -> int:
    return main(["link", *map(str, arguments), "--quiet"])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tomograms and the labels of their slices, as if a YOLO had found them all."""
    monkeypatch.chdir(tmp_path)
    Path("project").mkdir()
    for name, picks in TRUTH.items():
        noise = np.random.default_rng(0).normal(size=(40, 48, 50)).astype(np.float32)
        write_volume(Volume(noise, 10.0), f"project/{name}.mrc")
        write_yolo(Path("yolo"), Volume(noise, 10.0), picks, objects=CZII)
    return tmp_path


@pytest.mark.parametrize("rule", ["chain", "cluster"])
def test_boxes_become_picks_of_each_run(place, rule, capsys):
    assert run("yolo", "project", "-o", "picks", "--rule", rule) == 0
    for name in ("picks/picks.csv", "picks/picks.star"):
        project = open_project("project")
        geometry = {r: project[r].geometry for r in project.names}
        found = {part.run: part for part in read_picks(name, geometry=geometry)}
        for run_name, truth in TRUTH.items():
            apart = np.linalg.norm(found[run_name].zyx[:, None] - truth.zyx, axis=-1)
            assert apart.shape == (2, 2)
            assert apart.min(axis=0).max() < 15
            assert found[run_name].names == truth.names
    assert "TS_2: apo-ferritin 2  beta-amylase 0" in capsys.readouterr().out
    assert json.loads(Path("picks/link.json").read_text())["runs"]["TS_1"]["slices"] == 40


def test_the_same_command_again_does_nothing_twice_and_other_settings_are_refused(place, capsys):
    assert run("yolo", "project", "-o", "picks", "--runs", "TS_1") == 0
    before = json.loads(Path("picks/link.json").read_text())["runs"]["TS_1"]
    assert run("yolo", "project", "-o", "picks") == 0
    after = json.loads(Path("picks/link.json").read_text())["runs"]
    assert after["TS_1"] == before
    assert set(after) == {"TS_1", "TS_2"}
    assert run("yolo", "project", "-o", "picks", "--rule", "chain") == 2
    assert "other settings" in capsys.readouterr().err
    assert run("yolo", "project", "-o", "picks", "--rule", "chain", "--overwrite") == 0


def test_new_predictions_are_not_passed_over_for_old_picks(place, capsys):
    assert run("yolo", "project", "-o", "picks") == 0
    Path("yolo/labels/train/TS_1_z0020.txt").write_text("")
    assert run("yolo", "project", "-o", "picks") == 2
    assert "other predictions of run 'TS_1' than picks was made from" in capsys.readouterr().err
    assert run("yolo", "project", "-o", "picks", "--overwrite") == 0


def test_a_run_without_predictions_is_left_out_unless_named(place, capsys):
    for path in Path("yolo/labels/train").glob("TS_2*"):
        path.unlink()
    assert main(["link", "yolo", "project", "-o", "picks"]) == 0
    assert "no predictions of 1 of 2 runs" in capsys.readouterr().err
    assert set(json.loads(Path("picks/link.json").read_text())["runs"]) == {"TS_1"}
    assert run("yolo", "project", "-o", "named", "--runs", "TS_2") == 0
    assert json.loads(Path("named/link.json").read_text())["runs"]["TS_2"]["slices"] == 0


def test_classes_in_another_order_and_only_some_objects(place):
    for path in Path("yolo/labels/train").glob("*.txt"):
        lines = path.read_text().splitlines()
        kinds = {"3": "0", "0": "1"}  # ribosome first, then ferritin
        path.write_text("".join(f"{kinds[line[0]]}{line[1:]}\n" for line in lines))
    order = ("--classes", "ribosome,apo-ferritin")
    assert run("yolo", "project", "-o", "picks", *order, "--objects", "ribosome") == 0
    (found,) = [part for part in read_picks("picks/picks.csv") if len(part)]
    assert (found.run, found.names, len(found)) == ("TS_1", ["ribosome"], 2)


def test_a_rule_of_ones_own(place):
    Path("rule.yaml").write_text("min_boxes: 99\n")
    assert run("yolo", "project", "-o", "picks", "--rule", "rule.yaml") == 0
    assert sum(len(part) for part in read_picks("picks/picks.csv")) == 0


def test_a_broken_file_fails_its_run_alone_and_says_where(place, capsys):
    Path("yolo/labels/train/TS_1_z0007.txt").write_text("3 0.5 0.5 0.1 0.1\n3 0.5 a 0.1 0.1\n")
    assert run("yolo", "project", "-o", "picks") == 2
    error = capsys.readouterr().err
    assert "1 of 2 runs failed" in error
    assert "TS_1_z0007.txt: line 2" in error
    assert set(json.loads(Path("picks/link.json").read_text())["runs"]) == {"TS_2"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--rule", "chian"], "choose from chain, cluster.*Did you mean 'chain'"),
        (["--rule", "rule.yaml"], r"rule.yaml: unknown setting 'axiall'. Did you mean 'axial'"),
        (["--classes", "ribosom"], "Did you mean 'ribosome'"),
        (["--objects", "gold"], "--objects gold: the classes are"),
        (["--runs", "TS_3"], "no run 'TS_3'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(place, capsys, more, message):
    Path("rule.yaml").write_text("axiall: 3\n")
    assert run("yolo", "project", "-o", "picks", *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert not Path("picks").exists()
