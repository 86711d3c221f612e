"""Training on tomograms simulated meanwhile: with no project at all, resumed exactly, validated."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.settings import parse_overrides
from tomoscout.data.folds import Fold
from tomoscout.inference.weights import load_detector
from tomoscout.io.project import open_project
from tomoscout.training._material import load_material
from tomoscout.training.progress import read_history
from tomoscout.training.recipe import read_recipe
from tomoscout.training.run import train

OBJECTS = ObjectTable(objects=(CZII["ribosome"], CZII["apo-ferritin"]))
EMPTY = {"vesicles": 0, "beads": 0, "carbon": 0, "debris": 0}
FAST = {
    "data": {
        "source": "simulation",
        "scene": {"shape": [40, 64, 64], "ice": [0.9, 0.95], "crowding": 15, **EMPTY},
        "patches_per_tomogram": 4,
        "streams": 2,
        "kept": 2,
        "validation": 1,
    },
    "model": {"name": "scout_unet", "widths": [8, 16], "dropout": 0.1},
    "sampling": {"patch": [32, 32, 32]},
    "training": {"steps": 12, "batch_size": 2, "validate_every": 4, "warmup": 2, "ema": 0.5},
}
SCRIPT = """
import json, sys
from tomoscout.core.objects import ObjectTable
from tomoscout.training.run import train
train(None, sys.argv[1], settings=json.loads(sys.argv[2]),
      objects=ObjectTable.model_validate_json(sys.argv[3]))
"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shortly(steps: int = 1, **data) -> dict:
    training = {**FAST["training"], "steps": steps, "warmup": 0}
    return {**FAST, "data": {**FAST["data"], **data}, "training": training}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulation") / "model"
    return train(None, folder, settings=FAST, objects=OBJECTS)


def test_no_project_is_needed(trained):
    names = {path.name for path in trained.folder.iterdir()}
    assert names == {"model.safetensors", "history.csv", "recipe.yaml", "last.ckpt"}
    card = load_detector(trained.folder).card
    assert (card.trained_on, card.tuned_on) == ((), ("simulated-0",))
    assert card.recipe["data"]["source"] == "simulation"
    assert card.voxel_spacing == card.recipe["data"]["scene"]["voxel_spacing"] == 10.012444
    assert [o.name for o in card.object_table.each()] == OBJECTS.names
    scored = [row for row in read_history(trained.folder / "history.csv") if row["weighted"]]
    assert [int(row["step"]) for row in scored] == [4, 8, 12]


def test_a_killed_training_resumes_to_the_same_bytes(trained, tmp_path):
    """Kill -9 after the first checkpoint; the resumed weights equal the uninterrupted ones."""
    folder = tmp_path / "killed"
    given = [json.dumps(FAST), OBJECTS.model_dump_json()]
    # As many threads as in this process (conftest.py): sums depend on them.
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), *given],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    deadline = time.monotonic() + 120
    while not (folder / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it had finished before it could be killed"
    train(None, folder, settings=FAST, objects=OBJECTS)
    assert digest(folder / "model.safetensors") == digest(trained.folder / "model.safetensors")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_leave_the_weights_as_they_are(trained, tmp_path):
    """The network alone: the recipe in the card says how many workers there were."""
    settings = {**FAST, "training": {**FAST["training"], "workers": 2}}
    again = train(None, tmp_path / "workers", settings=settings, objects=OBJECTS)
    expected = trained.detector.network.state_dict()
    for name, found in again.detector.network.state_dict().items():
        np.testing.assert_array_equal(found.numpy(), expected[name].numpy(), err_msg=name)


def test_the_kind_that_is_validated_on_is_the_kind_that_is_trained_on(project):
    settings = shortly(physics="full", kinds=["denoised", "wbp"], validation=0)
    chosen = read_recipe("scout", {**settings, "kind": "wbp"})
    fold = Fold((), ())
    supply = load_material(None, fold, chosen, OBJECTS).supply
    assert supply.settings.kinds == ("wbp",)
    # That of a project's files may be one that no microscope makes.
    named = read_recipe("scout", {**shortly(), "kind": "topaz"})
    supply = load_material(open_project(project), fold, named, OBJECTS).supply
    assert supply.settings.kinds == ("denoised",)


def test_a_project_is_validated_on_and_never_trained_on(project, tmp_path, monkeypatch):
    opened = open_project(project)
    monkeypatch.setattr("tomoscout.training._material.load_runs", None)  # would be called to train
    result = train(opened, tmp_path / "all", settings=shortly())
    assert result.fold.train == ()
    assert result.detector.card.tuned_on == ("run0", "run1", "run2")
    assert result.detector.objects.names == ["large", "small"]  # the project's
    some = train(opened, tmp_path / "one", settings=shortly(), validation=["run1"])
    assert some.detector.card.tuned_on == ("run1",)


def test_validation_may_be_left_out(tmp_path):
    result = train(None, tmp_path / "none", settings=shortly(), objects=OBJECTS, validation=[])
    assert result.fold.validation == result.detector.card.tuned_on == ()
    again = train(None, tmp_path / "zero", settings=shortly(validation=0), objects=OBJECTS)
    assert again.fold.validation == ()


def test_what_does_not_go_together_is_told_in_one_line(project, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"no project to train on: give one, or .* --data\.source"):
        train(None, out, settings={**FAST, "data": {}})
    with pytest.raises(UserError, match="TS_1: there is no project to hold them out from"):
        train(None, out, settings=FAST, validation=["TS_1"])
    with pytest.raises(UserError, match=r"unknown validation run 'run9'.*Did you mean 'run\d'"):
        train(project, out, settings=FAST, validation=["run9"])
    with pytest.raises(UserError, match="no particle of ribosome, apo-ferritin in the first 2"):
        train(None, out, settings=shortly(scene={"counts": {}}), objects=OBJECTS)
    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("data.source=simulated", "should be 'project', 'simulation' or 'blobs'"),
        ("data.scene.crowdign=2", "unknown setting 'data.scene.crowdign'. Did you mean 'crowding'"),
        ("data.kept=0", "'data.kept': input should be greater than or equal to 1, found 0"),
        ("data.patches=8", "unknown setting 'data.patches'"),
    ],
)
def test_mistakes_in_the_settings_are_told_in_one_line(given, words):
    with pytest.raises(UserError) as error:
        read_recipe("scout-endless", parse_overrides([given]))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_settings_of_the_scene_leave_its_size_alone():
    recipe = read_recipe("scout-endless", parse_overrides(["data.scene.crowding=2"]))
    assert recipe.data.scene.shape == (184, 256, 256)
    assert recipe.data.scene.crowding == 2
