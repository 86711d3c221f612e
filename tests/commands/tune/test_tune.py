"""Thresholds, pickers and shares that are known beforehand are what ``tune`` stores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from samples.planted import save_weights, write_maps
from tomoscout.core.parameters import read_parameters
from tomoscout.inference.weights import load_detector

TUNE = "tune w.safetensors PROJECT --scores maps --spread 0"


@pytest.fixture
def maps(say, tmp_path):
    """Score maps in which all is as it should be."""
    write_maps(tmp_path / "maps", load_detector(tmp_path / "w.safetensors"))


def test_thresholds_lie_between_hits_and_false_alarms(say, maps):
    code, out, error = say(TUNE)
    assert code == 0, error
    card = load_detector("w.safetensors").card
    assert card.tuned_on == ("run1", "run2")
    for threshold in card.thresholds.values():
        assert 0.3 < threshold < 0.5, "between 0.56, less what falls between cells, and 0.2"
    assert card.pickers == {}
    parameters = read_parameters("tuning.json")
    assert parameters.thresholds == card.thresholds
    assert parameters.score == {"large": 1.0, "small": 1.0, "weighted": 1.0}
    assert parameters.intervals["weighted"] == (1.0, 1.0)
    assert parameters.tta == "none"
    assert (parameters.average, parameters.ensemble, parameters.blend) == (None, None, None)
    assert "large: tuned on 8 particles only" in out
    assert "weighted F4 1.000 [1.000, 1.000] on run1, run2" in out


def test_a_file_of_parameters_leaves_the_weights_as_they_are(say, maps):
    before = Path("w.safetensors").read_bytes()
    assert say(f"{TUNE} --params out/p.json")[0] == 0
    assert Path("w.safetensors").read_bytes() == before
    assert set(read_parameters("out/p.json").thresholds) == {"large", "small"}
    assert not Path("tuning.json").exists()


def test_what_is_tuned_is_what_pick_takes(say, maps):
    assert say(f"{TUNE} --params p.json --picker components")[0] == 0
    code, _, error = say("pick --scores maps --model w.safetensors --params p.json -o picks")
    assert code == 0, error
    noted = json.loads(Path("picks/pick.json").read_text())
    assert noted["runs"]["run1"]["picks"] == {"large": 4, "small": 4}
    assert noted["settings"]["pickers"]["large"]["name"] == "components"


@pytest.mark.parametrize("search", ["grid", "optuna --trials 12"])
def test_a_search_finds_the_distance_that_drops_twins(say, tmp_path, search):
    write_maps(tmp_path / "maps", load_detector("w.safetensors"), twins=60.0)
    code, out, error = say(f"{TUNE} --search {search}")
    assert code == 0, error
    card = load_detector("w.safetensors").card
    assert card.pickers["large"].options["distance"] > 0.5
    assert read_parameters("tuning.json").score["large"] == 1.0
    assert "local_max distance=" in out
    assert Path("tuning.db").exists()


def test_the_better_picker_is_taken_for_each_object(say, tmp_path):
    """Components join the twins that maxima part."""
    write_maps(tmp_path / "maps", load_detector("w.safetensors"), twins=45.0, alarms=0.0)
    command = f"{TUNE} --picker local_max,components --params p.json"
    assert say(command)[0] == 0
    assert set(read_parameters("p.json").pickers) == {"large", "small"}


def test_objects_that_share_a_map_are_tuned_on_it_and_picked_from_it(say, tmp_path):
    """No threshold tells particles of an object from those of the other in its own map."""
    write_maps(tmp_path / "maps", load_detector("w.safetensors"), torn=0.45)
    assert say(f"{TUNE} --params each.json")[0] == 0
    code, _, error = say(f"{TUNE} --together")
    assert code == 0, error
    each, joint = read_parameters("each.json"), read_parameters("tuning.json")
    assert each.score["weighted"] < 0.98
    assert joint.score["weighted"] == 1.0
    assert (each.together, joint.together) == (False, True)
    assert all(joint.thresholds[name] > limit for name, limit in each.thresholds.items())
    assert load_detector("w.safetensors").card.together
    write_maps(tmp_path / "again", load_detector("w.safetensors"), torn=0.45)
    assert say("pick --scores again --model w.safetensors -o picks")[0] == 0
    noted = json.loads(Path("picks/pick.json").read_text())
    assert noted["runs"]["run1"]["picks"] == {"large": 4, "small": 4}


def test_a_search_for_one_map_finds_one_picker(say, tmp_path):
    write_maps(tmp_path / "maps", load_detector("w.safetensors"), torn=0.45)
    code, _, error = say(f"{TUNE} --together --search grid --params p.json")
    assert code == 0, error
    large, small = read_parameters("p.json").pickers.values()
    assert large == small


def test_folds_of_two_minds_are_not_tuned_together_unasked(say, tmp_path):
    save_weights(tmp_path / "v.safetensors", seed=1, together=True)
    code, _, error = say("tune w.safetensors PROJECT --also v.safetensors --params p.json")
    assert code == 2
    assert "say --together or --no-together" in error


def test_one_threshold_for_all_objects(say, maps):
    assert say(f"{TUNE} --global --params p.json")[0] == 0
    assert len(set(read_parameters("p.json").thresholds.values())) == 1


def test_the_share_of_weights_that_know_nothing_is_found(say, tmp_path, maps):
    other = save_weights(tmp_path / "bad.safetensors", seed=1)
    write_maps(tmp_path / "bad", other, height=0.04, alarms=0.9)
    command = f"{TUNE} --scores bad --blend-with bad.safetensors --params p.json"
    code, _, error = say(command)
    assert code == 0, error
    parameters = read_parameters("p.json")
    for first, second in parameters.shares.values():
        assert first > 0.5 > second
    assert (parameters.ensemble, parameters.blend) == ("mean", "probabilities")
    assert parameters.score["weighted"] == 1.0
    code, _, error = say(
        "pick PROJECT --runs run1 --model w.safetensors --model bad.safetensors --params p.json"
    )
    assert code == 0, error


def test_folds_are_matched_to_their_own_maps(say, tmp_path):
    folds = {"a": ("run0",), "b": ("run1", "run2")}
    for seed, (name, seen) in enumerate(folds.items()):
        fold = save_weights(tmp_path / f"{name}.safetensors", seed=seed, trained_on=seen)
        others = [run for run in ("run0", "run1", "run2") if run not in seen]
        write_maps(tmp_path / f"maps-{name}", fold, others)
    code, _, error = say(
        "tune a.safetensors PROJECT --also b.safetensors --scores maps-b --scores maps-a"
    )
    assert code == 0, error
    for name in folds:
        assert load_detector(f"{name}.safetensors").card.tuned_on == ("run1", "run2", "run0")


def test_without_maps_the_runs_are_predicted_and_kept_for_the_next_search(say, monkeypatch):
    command = "tune w.safetensors PROJECT --runs run1 --search grid --params p.json"
    assert say(command)[0] == 0
    (kept,) = Path("tuning.scores").glob("run1-*.scores.zarr")
    before = read_parameters("p.json")
    monkeypatch.setattr("tomoscout.commands._tune_maps.predict_to", None)
    assert say(command)[0] == 0, "neither predicted nor tried again"
    assert read_parameters("p.json") == before
    assert kept.exists()
