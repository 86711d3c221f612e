"""The verbs that use the shipped weights when none are given."""

from __future__ import annotations

import json

import numpy as np

import tomoscout as ts
from tomoscout.commands import doctor
from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.inference.download import checksum
from tomoscout.inference.weights import (
    load_detector,
)
from tomoscout.io.picks import write_picks
from tomoscout.io.project_writer import write_copick_config, write_run


def test_pick_and_predict_use_the_shipped_weights(say, shipped, place):
    """The kind that they were trained on is no matter for a tomogram that has none."""
    code, _, error = say("pick", "t1.mrc", "-o", "out")
    assert code == 0, error
    settings = json.loads((place / "out/pick.json").read_text())["settings"]
    assert settings["weights"] == load_detector(shipped).fingerprint
    assert settings["thresholds"]["ribosome"] == 0.25
    assert say("predict", "t1.mrc", "-o", "scores")[0] == 0
    assert (place / "scores/t1.scores.zarr").is_dir()


def test_so_do_the_lines_of_python(shipped, noise):
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


def test_a_project_that_does_not_list_an_object_needs_the_others_only(say, shipped, place, noise):
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
    assert tuned.fingerprint == load_detector(shipped).fingerprint
    assert (place / "tuned/tuning.json").is_file()
    code, _, error = say("tune", "t1.mrc", "-o", "tuned")
    assert "tuned: holds weights already: choose another folder" in error


def weights_of(found: list[doctor.Finding]) -> dict[str, doctor.Finding]:
    return {one.what: one for one in found if "weights" in one.what}


def test_doctor_is_content_with_shipped_weights(shipped):
    assert weights_of(doctor.examine())["weights"] == doctor.Finding("weights", "czii-sim")


def test_doctor_says_what_is_missing_without_them(place, monkeypatch, save_weights):
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
