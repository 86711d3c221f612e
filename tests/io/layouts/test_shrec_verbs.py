"""Verbs on a SHREC dataset as it is downloaded."""

import numpy as np
import pytest
import torch

from samples.shrec import LINES, model
from tomoscout.cli import main
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.shrec import SHREC21
from tomoscout.inference.weights import Card, Detector, build_network, save_detector
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.project import open_project
from tomoscout.ops.normalise import NormaliseSettings


@pytest.mark.parametrize(
    ("line", "message"),
    [("1BXN 1 2", "line 4: expected 'class x y z"), ("9XYZ 1 2 3", "line 4: unknown class '9XYZ'")],
)
@pytest.mark.parametrize("verb", ["convert", "evaluate", "report"])
def test_a_broken_line_ends_a_verb_in_one_line(tmp_path, capsys, verb, line, message):
    model(tmp_path / "shrec", 0, lines=f"{LINES}{line}\n")
    write_picks(Picks(np.array([[50.0, 100, 200]]), "1BXN", run="model_0"), tmp_path / "found.csv")
    folder, found, out = (str(tmp_path / name) for name in ("shrec", "found.csv", "out.csv"))
    words = {"convert": [folder, out], "evaluate": [found, folder], "report": [found, folder]}
    assert main([verb, *words[verb], "--quiet"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "particle_locations.txt" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_convert_says_what_is_missing_too(tmp_path, capsys):
    (model(tmp_path, 0) / "reconstruction.mrc").unlink()
    assert main(["convert", str(tmp_path), str(tmp_path / "out.csv"), "--quiet"]) == 2
    assert "model_0: no reconstruction.mrc in it" in capsys.readouterr().err


def test_evaluate_scores_the_truth_at_its_place(tmp_path, capsys):
    for index in (0, 1):
        model(tmp_path / "shrec", index)
    truth = open_project(tmp_path / "shrec").runs[0].picks()
    write_picks(truth, tmp_path / "found.csv")
    command = ["evaluate", str(tmp_path / "found.csv"), str(tmp_path / "shrec")]
    assert main([*command, "-o", str(tmp_path / "scores")]) == 0
    told = capsys.readouterr()
    assert told.err.count("reconstruction.mrc: does not know its voxel size: 10 Å is taken") == 1
    rows = (tmp_path / "scores" / "evaluation.csv").read_text().splitlines()
    assert "czii,model_0,1BXN,1,0,0,1.0,1.0,1.0,1.0,0.0" in rows
    assert "czii,model_0,4V94,0,0,0" in "\n".join(rows)


@pytest.mark.parametrize("source", ["shrec", "shrec/model_0"])
def test_convert_writes_the_picks_with_poses(tmp_path, source):
    model(tmp_path / "shrec", 0)
    assert main(["convert", str(tmp_path / source), str(tmp_path / "out.star"), "--quiet"]) == 0
    run = open_project(tmp_path / "shrec").runs[0]
    [found] = read_picks(tmp_path / "out.star", geometry=run.geometry)
    assert found.run == "model_0"
    np.testing.assert_allclose(found.zyx, run.picks().zyx, atol=1e-3)
    np.testing.assert_allclose(found.rotations, run.picks().rotations, atol=1e-5)


def test_pick_and_report_work_on_a_model(tmp_path):
    model(tmp_path / "shrec", 0)
    weights(tmp_path / "net.safetensors")
    folder, picks = str(tmp_path / "shrec"), str(tmp_path / "picks")
    model_flag = ["--model", str(tmp_path / "net.safetensors")]
    assert main(["pick", folder, *model_flag, "-o", picks, "--quiet"]) == 0
    [found] = read_picks(tmp_path / "picks" / "picks.csv")
    assert found.run == "model_0"
    assert set(found.names) <= {"1BXN", "4CR2"}
    assert main(["report", picks, folder, "--quiet"]) == 0
    page = (tmp_path / "picks" / "report.html").read_text()
    assert "4CR2" in page
    assert main(["evaluate", picks, folder, "--quiet"]) == 0


def weights(path):
    """Write a detector of two proteins whose random scores pass the thresholds here and there."""
    objects = ObjectTable(objects=tuple(SHREC21[name] for name in ("1BXN", "4CR2")))
    card = Card(
        model=Choice(name="scout_unet", widths=[8, 16]),
        objects=tuple(entry.model_dump() for entry in objects.each()),
        activation="softmax",
        stride=2,
        voxel_spacing=10.0,
        normalise=NormaliseSettings(),
        patch=(32, 32, 32),
        picker=Choice(name="local_max"),
        thresholds={"1BXN": 0.4, "4CR2": 0.4},
        trained_on=("model_8",),
    )
    torch.manual_seed(0)
    network = build_network(card).eval()
    last = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)][-1]
    torch.nn.init.zeros_(last.bias)
    torch.nn.init.normal_(last.weight)
    save_detector(Detector(network, card), path)
