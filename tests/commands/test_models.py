"""``tomoscout models``, and the verbs that use the shipped weights when none are given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import tomoscout as ts
from tomoscout.cli import main
from tomoscout.commands import doctor
from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference import find
from tomoscout.inference.download import checksum
from tomoscout.inference.weights import (
    Card,
    Detector,
    build_network,
    fingerprint,
    load_detector,
    save_detector,
)
from tomoscout.io.picks import write_picks
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.io.volumes import write_volume
from tomoscout.ops.normalise import NormaliseSettings

NOTES = "Trained on simulations alone: it has never seen a real tomogram."


def save_weights(path: Path, seed: int = 0, **changes: object) -> Detector:
    """Random weights of a small network for the challenge's objects."""
    torch.manual_seed(seed)
    values = {
        "model": Choice(name="scout_unet", widths=[4, 8]),
        "objects": tuple(entry.model_dump() for entry in CZII.each()),
        "activation": "softmax",
        "stride": 2,
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "patch": (32, 32, 32),
        "picker": Choice(name="local_max"),
        "thresholds": {"ribosome": 0.25},
        "score": {"ribosome": 0.91, "weighted": 0.8125},
        "trained_on": tuple(f"sim_{index}" for index in range(40)),
        "notes": NOTES,
        "recipe": {"kind": "denoised"},
    }
    card = Card(**{**values, **changes})
    network = build_network(card).eval()
    last = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)][-1]
    torch.nn.init.zeros_(last.bias)  # no object is rare: random scores pass thresholds
    detector = Detector(network, card)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_detector(detector, path)
    return detector


def noise(seed: int = 0) -> Volume:
    data = np.random.default_rng(seed).normal(size=(24, 32, 40)).astype(np.float32)
    return Volume(data, 10.0, "t1")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a tomogram, where nothing is shipped and no folder of weights is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(find, "SHIPPED", tmp_path / "package")
    monkeypatch.delenv("TOMOSCOUT_WEIGHTS", raising=False)
    monkeypatch.setenv("TOMOSCOUT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    write_volume(noise(), tmp_path / "t1.mrc")
    return tmp_path


@pytest.fixture
def shipped(place) -> Path:
    save_weights(place / "package/czii-sim.safetensors")
    return place / "package/czii-sim.safetensors"


@pytest.fixture
def say(place, capsys):
    """Type a command; return its exit code, what it says and what it complains of."""

    def typed(*command: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*command, "--quiet"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed


# The verb


def test_the_list_tells_shipped_weights_from_own_ones(say, shipped, place, monkeypatch):
    save_weights(place / "own/mine.safetensors", score={})
    save_weights(place / "own/czii-sim.safetensors")
    (place / "own/bad.safetensors").write_bytes(b"no")
    monkeypatch.setenv("TOMOSCOUT_WEIGHTS", "own")
    code, out, _ = say("models")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert [row[:2] for row in rows[1:]] == [
        ["bad", "TOMOSCOUT_WEIGHTS"],
        ["czii-sim", "TOMOSCOUT_WEIGHTS"],
        ["mine", "TOMOSCOUT_WEIGHTS"],
        ["czii-sim", "package"],
    ]
    assert "cannot be read: models verify own/bad.safetensors says why" in out
    assert rows[2][-4:] == ["Å", "0.812", "0.0", "MB"]
    assert rows[4][2] == "(hidden)"
    assert say("models", "list")[1] == out


def test_an_empty_list_says_what_that_means(say, place):
    code, out, _ = say("models", "list")
    assert code == 0
    assert "no weights in the package" in out
    assert "without 'czii-sim', pick and predict need --model" in out
    (place / "empty").mkdir()
    assert say("models", "list", "empty")[1] == "no weights in empty\n"
    save_weights(place / "empty/fold0/model.safetensors")
    assert "fold0" in say("models", "list", "empty")[1]


def test_inspect_tells_the_card_and_what_tells_the_weights_apart(say, shipped):
    for name in ((), ("czii-sim",), (str(shipped),)):
        code, out, _ = say("models", "inspect", *name)
        assert code == 0
        words = " ".join(out.split())
        assert NOTES in words
        assert f"sha256 {checksum(shipped)}" in words
        assert f"fingerprint {fingerprint(load_detector(shipped))}" in words
        assert "network scout_unet, widths [4, 8]" in words
        assert "trained on 40 runs, sim_0 to sim_39" in words
        assert "ribosome 150 Å 0.250 0.910" in words
        assert "0.812 weighted" in words


def test_verify_says_what_it_looked_at(say, shipped):
    code, out, _ = say("models", "verify", "czii-sim")
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()[:4]] == [
        "ok  file", "ok  card", "ok  tensors", "ok  forward pass",
    ]  # fmt: skip
    assert out.endswith("whole, and works\n")
    assert say("models", "verify", "czii-sim", "--sha256", checksum(shipped).upper())[0] == 0


def test_verify_works_for_a_url(say, shipped, place):
    url = f"{shipped.as_uri()}#sha256={checksum(shipped)}"
    code, out, _ = say("models", "verify", url)
    assert code == 0
    assert checksum(shipped) in out
    assert len(list((place / "cache").rglob("*.safetensors"))) == 1
    code, _, error = say("models", "verify", url[:-64] + "0" * 64)
    assert code == 2
    assert "not " + "0" * 64 in error


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "models lsit",
            "models lsit: choose from list, inspect, verify, import. Did you mean 'list'?",
        ),
        ("models inspect czii-simm", "no weights 'czii-simm'|Did you mean 'czii-sim'?"),
        ("models verify t1.mrc", "t1.mrc: not a safetensors file"),
        ("models verify czii-sim --sha256 12", "'12': a sha256 has 64 hex digits"),
        ("models verify czii-sim --sha256 " + "0" * 64, "not " + "0" * 64 + " as asked"),
        ("models inspect czii-sim --sha256 " + "0" * 64, "models inspect checks nothing"),
        ("models list nowhere", "nowhere: no such folder"),
        ("model list", "unknown command 'model'. Did you mean 'models'?"),
        ("pick t1.mrc -o out --model czii", "no weights 'czii': no such file|mean 'czii-sim'?"),
        ("pick t1.mrc -o out --objects ribosom", "object 'ribosom': the|Did you mean 'ribosome'?"),
        ("pick t1.mrc -o out --objects ,", "--objects: no object in ','"),
        (
            "pick t1.mrc -o out --objects ribosome --threshold apo-ferritin=0.3",
            "threshold for 'apo-ferritin': it is not among the objects to pick",
        ),
        ("tune t1.mrc", "czii-sim: these weights are not yours to change|with --output"),
        ("tune czii-sim t1.mrc", "czii-sim: these weights are not yours to change"),
        ("tune czii-sim", "these are weights; give the project with the truth after them"),
        ("tune czii-sim t1.mrc -o out --also czii-sim", "--output: holds one copy"),
        ("tune czii-sim t1.mrc -o t1.mrc", "t1.mrc: is a file; give a folder"),
        ("tune czii-sim t1.mrc -o package/..", "no run has picks"),
    ],
)
def test_mistakes_are_told_in_one_line(command, words, say, shipped, place):
    code, _, error = say(*command.split())
    assert code == 2, error
    (line,) = error.splitlines()
    for word in words.split("|"):
        assert word in line
    assert not (place / "out").exists()


# Without --model


def test_pick_and_predict_use_the_shipped_weights(say, shipped, place):
    """The kind that they were trained on is no matter for a tomogram that has none."""
    code, _, error = say("pick", "t1.mrc", "-o", "out")
    assert code == 0, error
    settings = json.loads((place / "out/pick.json").read_text())["settings"]
    assert settings["weights"] == fingerprint(load_detector(shipped))
    assert settings["thresholds"]["ribosome"] == 0.25
    assert say("predict", "t1.mrc", "-o", "scores")[0] == 0
    assert (place / "scores/t1.scores.zarr").is_dir()


def test_so_do_the_lines_of_python(shipped):
    assert ts.load_model().name == "czii-sim"
    found = ts.pick(noise(), objects=["ribosome"], thresholds={"ribosome": 0.05})
    assert set(found.names) == {"ribosome"}
    assert ts.predict(noise()).objects == tuple(CZII.names)


def test_without_shipped_weights_the_verbs_say_so(say, place):
    for verb in ("pick", "predict"):
        code, _, error = say(verb, "t1.mrc", "-o", "out")
        assert code == 2
        assert "no weights given, and 'czii-sim' is not shipped with this installation" in error
    assert not (place / "out").exists()


def test_only_the_objects_asked_for_are_picked(say, shipped, place):
    flags = ("--threshold", "0.05", "--objects", "ribosome,apo-ferritin")
    assert say("pick", "t1.mrc", "-o", "out", *flags)[0] == 0
    done = json.loads((place / "out/pick.json").read_text())
    assert set(done["settings"]["thresholds"]) == {"ribosome", "apo-ferritin"}
    assert set(done["runs"]["t1"]["picks"]) == {"ribosome", "apo-ferritin"}
    every = ts.read_picks(place / "out/candidates/t1.csv")
    parts = every if isinstance(every, list) else [every]
    assert {name for part in parts for name in part.names} <= {"ribosome", "apo-ferritin"}
    assert len(list((place / "out").rglob("*.json"))) == 3  # one per object, and the ledger


def test_a_project_that_does_not_list_an_object_needs_the_others_only(say, shipped, place):
    few = ObjectTable(objects=(CZII["ribosome"], CZII["thyroglobulin"]))
    write_run(place / "project", "run0", noise(), Picks.empty("run0"))
    write_copick_config(place / "project", few, name="few")
    code, _, error = say("pick", "project/copick.json", "-o", "out")
    assert code == 2
    assert "finds apo-ferritin, beta-amylase" in error
    assert "use other weights (--model)" in error
    assert "pick only some (--objects)" in error
    assert say("pick", "project/copick.json", "-o", "out", "--objects", "ribosome")[0] == 0


def test_shipped_weights_are_tuned_as_a_copy(say, shipped, place):
    before = checksum(shipped)
    centres = np.random.default_rng(0).uniform(50, 190, (6, 3))
    write_picks(Picks(centres, np.array(CZII.names), run="t1"), place / "t1.csv")
    code, _, error = say("tune", "t1.mrc", "-o", "tuned")
    assert code == 0, error
    assert checksum(shipped) == before
    tuned = load_detector(place / "tuned")
    assert tuned.card.tuned_on == ("t1",)
    assert set(tuned.card.thresholds) == set(CZII.names)
    assert fingerprint(tuned) == fingerprint(load_detector(shipped))
    assert (place / "tuned/tuning.json").is_file()
    code, _, error = say("tune", "t1.mrc", "-o", "tuned")
    assert "tuned: holds weights already: choose another folder" in error


# Doctor


def weights_of(found: list[doctor.Finding]) -> dict[str, doctor.Finding]:
    return {one.what: one for one in found if "weights" in one.what}


def test_doctor_is_content_with_shipped_weights(shipped):
    assert weights_of(doctor.examine())["weights"] == doctor.Finding("weights", "czii-sim")


def test_doctor_says_what_is_missing_without_them(place, monkeypatch):
    one = weights_of(doctor.examine())["weights"]
    assert (one.value, one.status) == ("none shipped", "warn")
    assert "without 'czii-sim', pick needs --model" in one.remedy
    save_weights(place / "own/czii-sim.safetensors")
    monkeypatch.setenv("TOMOSCOUT_WEIGHTS", "own")
    found = weights_of(doctor.examine())
    assert found["own weights"].value == "czii-sim (TOMOSCOUT_WEIGHTS)"
    assert found["weights"].status == "ok"
    monkeypatch.setenv("TOMOSCOUT_WEIGHTS", "nowhere")
    found = weights_of(doctor.examine())
    assert found["own weights"].status == "warn"
    assert "no such folder" in found["own weights"].value
