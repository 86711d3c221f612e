"""What ``tune`` cannot do it says in one line, before any time is spent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from samples.planted import save_weights, write_maps
from tomoscout.core.parameters import read_parameters
from tomoscout.inference.weights import load_detector

TUNE = "tune w.safetensors PROJECT"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("tune", "give a project with truth, or --expected-f"),
        (f"{TUNE} --spread -1", "--spread -1: 0 or above"),
        (f"{TUNE} --trials 0", "--trials 0: 1 or more"),
        (f"{TUNE} --picker local_min", "Did you mean 'local_max'"),
        (f"{TUNE} --picker local_max --picker.distanc 1", "Did you mean 'distance'"),
        (f"{TUNE} --picker.distance 1", "settings are of one picker"),
        (f"{TUNE} --picker ,", "--picker: give a name"),
        (f"{TUNE} --tta sideways", "sideways"),
        (f"{TUNE} --scores none", "run 'run1': no score map none/run1.scores.zarr"),
        (f"{TUNE} --blend-with b.safetensors", "give a file for it with --params"),
        (f"{TUNE} --expected-f 0.8", "needs weights and no project"),
        ("tune w.safetensors --expected-f 1.8", "a score lies above 0 and at most at 1"),
        ("tune w.safetensors --expected-f much", "write 0.78, or object=0.78"),
        ("tune w.safetensors --expected-f larg=0.8", "Did you mean 'large'"),
        (f"{TUNE} --params .", "is a folder; give a file name"),
    ],
)
def test_wrong_flags_are_refused(say, command, message):
    code, out, error = say(command)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert out == ""


def test_maps_of_other_weights_or_views_are_refused(say, tmp_path):
    other = save_weights(tmp_path / "other.safetensors", seed=5)
    write_maps(tmp_path / "other", other)
    assert "not with w.safetensors" in say(f"{TUNE} --scores other")[2]
    write_maps(tmp_path / "maps", load_detector("w.safetensors"), tta="z_flip")
    error = say(f"{TUNE} --scores maps --tta none")[2]
    assert "made with the views 'z_flip', not 'none'" in error
    assert say(f"{TUNE} --scores maps --params p.json")[0] == 0
    assert read_parameters("p.json").tta == "z_flip"
    assert read_parameters("p.json").average is None, "such maps do not say"
    noted = json.loads(Path("maps/predict.json").read_text())
    noted["settings"]["average"] = "logits"
    Path("maps/predict.json").write_text(json.dumps(noted))
    assert say(f"{TUNE} --scores maps --params p.json")[0] == 0
    assert read_parameters("p.json").average == "logits"


def test_blended_weights_need_runs_that_none_has_seen(say, tmp_path):
    save_weights(tmp_path / "b.safetensors", trained_on=("run1", "run2"))
    error = say(f"{TUNE} --blend-with b.safetensors --params p.json")[2]
    assert "every annotated run was trained on by one of" in error


def test_thresholds_from_an_expected_score(say):
    code, out, _ = say(
        "tune w.safetensors --expected-f 0.68 --expected-f small=0.85 --params p.json"
    )
    assert code == 0
    assert read_parameters("p.json").thresholds == pytest.approx({"large": 0.04, "small": 0.05})
    assert read_parameters("p.json").tuned_on == ()
    assert "pick with --params p.json" in out
    assert load_detector("w.safetensors").card.thresholds == {"large": 0.9, "small": 0.9}
