"""What ``pick`` and ``predict`` may go on with, and what they must not take for done."""

from __future__ import annotations

import json

import numpy as np
import pytest

from samples.detectors import save_tomogram, save_weights
from tomoscout.core.volume import Volume
from tomoscout.io.volumes import write_volume


@pytest.mark.parametrize("verb", ["pick", "predict"])
def test_the_same_command_again_does_nothing_twice(place, run, verb):
    assert run(verb, "a/t1.mrc") == 0
    before = json.loads((place / f"out/{verb}.json").read_text())
    assert run(verb, "a/t1.mrc") == 0
    assert json.loads((place / f"out/{verb}.json").read_text()) == before


@pytest.mark.parametrize("verb", ["pick", "predict"])
def test_other_weights_under_the_same_name_are_not_taken_for_done(place, run, capsys, verb):
    assert run(verb, "a/t1.mrc") == 0
    save_weights(place / "w.safetensors", seed=1)
    assert run(verb, "a/t1.mrc") == 2
    assert "other settings" in capsys.readouterr().err
    assert run(verb, "a/t1.mrc", "--overwrite") == 0


@pytest.mark.parametrize("verb", ["pick", "predict"])
def test_another_tomogram_of_the_same_name_is_not_taken_for_done(place, run, capsys, verb):
    assert run(verb, "a/t1.mrc") == 0
    save_tomogram(place / "b/t1.mrc", seed=1)
    assert run(verb, "b/t1.mrc") == 2
    assert "another run 't1'" in capsys.readouterr().err


def test_the_kind_trained_on_is_the_kind_picked(place, run, capsys):
    """Weights trained on wbp must not silently pick the denoised tomogram."""
    save_weights(place / "w.safetensors", seed=0, kind="wbp")
    folder = place / "static/ExperimentRuns/TS_1/VoxelSpacing10.000"
    folder.mkdir(parents=True)
    save_tomogram(folder / "denoised.mrc", seed=0)
    for name in ("denoised", "wbp"):
        noise = np.random.default_rng(len(name)).normal(size=(16, 16, 16)).astype(np.float32)
        write_volume(Volume(noise, 10.0), folder / f"{name}.zarr")
    assert run("pick", str(place)) == 0
    assert json.loads((place / "out/pick.json").read_text())["settings"]["kind"] == "wbp"
    assert run("pick", str(place), "--kind", "denoised") == 2
