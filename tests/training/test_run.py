"""Training from a project to weights: what it leaves behind, and that it can be resumed exactly."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.data.module import EpochSampler
from tomoscout.inference.weights import load_detector
from tomoscout.io.project import open_project
from tomoscout.training.progress import read_history
from tomoscout.training.run import train
from tomoscout.training.stretches import SeedEpoch
from tomoscout.training.validation import summarise
from tomoscout.tuning.thresholds import sweep

FAST = {
    "model": {"name": "scout_unet", "widths": [8, 16], "dropout": 0.1},
    "sampling": {"patch": [32, 32, 32]},
    "training": {"steps": 12, "batch_size": 2, "validate_every": 4, "warmup": 2, "ema": 0.5},
}
OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=60), ObjectType(name="small", radius=30))
)
SCRIPT = """
import json, sys
from tomoscout.training.run import train
train(sys.argv[1], sys.argv[2], settings=json.loads(sys.argv[3]))
"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def trained(project, tmp_path_factory):
    told = []
    folder = tmp_path_factory.mktemp("trained") / "model"
    result = train(
        project, folder, settings=FAST, tell=lambda now: told.append((now.step, now.loss))
    )
    return result, told


def test_it_leaves_weights_log_recipe_and_checkpoint(trained):
    result, told = trained
    names = {path.name for path in result.folder.iterdir()}
    assert names == {"model.safetensors", "history.csv", "recipe.yaml", "last.ckpt"}
    assert [step for step, _ in told] == list(range(1, 13))
    assert all(math.isfinite(loss) for _, loss in told)


def test_the_card_says_what_was_trained_on_what(trained):
    card = load_detector(trained[0].folder).card
    assert card.trained_on == ("run1", "run2")
    assert card.tuned_on == ("run0",)
    assert set(card.thresholds) == {"large", "small"}
    assert set(card.score) == {"large", "small", "weighted"}
    assert card.stride == 2
    assert card.model.options["widths"] == [8, 16]


def test_the_log_has_losses_and_scores(trained):
    rows = read_history(trained[0].folder / "history.csv")
    scored = [row for row in rows if row["weighted"]]
    assert [int(row["step"]) for row in scored] == [4, 8, 12]
    assert max(float(row["weighted"]) for row in scored) == pytest.approx(
        load_detector(trained[0].folder).card.score["weighted"]
    )
    assert any(row["loss"] for row in rows)


def test_the_same_seed_gives_the_same_weights(trained, project, tmp_path):
    again = train(project, tmp_path / "again", settings=FAST)
    assert digest(again.folder / "model.safetensors") == digest(
        trained[0].folder / "model.safetensors"
    )


def test_a_killed_training_resumes_to_the_same_bytes(trained, project, tmp_path):
    """Kill -9 after the first checkpoint; the resumed weights equal the uninterrupted ones."""
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", SCRIPT, str(project), str(folder), json.dumps(FAST)]
    # As many threads as in this process (conftest.py): sums depend on them.
    process = subprocess.Popen(
        command, env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    )
    deadline = time.monotonic() + 120
    while not (folder / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it had finished before it could be killed"
    resumed = train(project, folder, settings=FAST)
    assert digest(folder / "model.safetensors") == digest(trained[0].folder / "model.safetensors")
    steps = [int(row["step"]) for row in read_history(resumed.folder / "history.csv")]
    assert steps == sorted(steps)


def test_a_folder_of_another_training_is_refused(trained, project):
    other = {**FAST, "training": {**FAST["training"], "steps": 13}}
    with pytest.raises(UserError, match="another recipe, other runs"):
        train(project, trained[0].folder, settings=other)


def test_a_folder_with_other_things_is_never_deleted(project, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=str(tmp_path)):
            train(project, tmp_path, settings=FAST, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").exists()


def test_without_validation_the_last_weights_are_kept(project, tmp_path):
    short = {**FAST, "training": {**FAST["training"], "steps": 2}}
    result = train(project, tmp_path / "all", settings=short, validation=[])
    assert result.detector.card.trained_on == ("run0", "run1", "run2")
    assert result.detector.card.thresholds == {}


def test_a_complete_training_asked_for_again_keeps_its_weights(project, tmp_path):
    """The averaged ones: the network that was trained on is another."""
    short = {**FAST, "training": {**FAST["training"], "steps": 2}}
    first = train(project, tmp_path / "all", settings=short, validation=[])
    before = digest(first.folder / "model.safetensors")
    train(project, tmp_path / "all", settings=short, validation=[])
    assert digest(first.folder / "model.safetensors") == before


def test_the_last_steps_are_validated_too(project, tmp_path):
    """Six steps, every four: the learning rate is lowest, and the weights best, at the end."""
    uneven = {**FAST, "training": {**FAST["training"], "steps": 6}}
    result = train(project, tmp_path / "uneven", settings=uneven)
    rows = read_history(result.folder / "history.csv")
    assert [int(row["step"]) for row in rows if row["weighted"]] == [4, 6]


def test_a_training_of_other_objects_is_not_resumed(project, tmp_path):
    short = {**FAST, "training": {**FAST["training"], "steps": 1}}
    opened = open_project(project)
    train(opened, tmp_path / "model", settings=short, validation=[])
    wider = ObjectTable(
        objects=tuple(o.model_copy(update={"radius": 70.0}) for o in opened.objects.each())
    )
    with pytest.raises(UserError, match="other objects"):
        train(replace(opened, objects=wider), tmp_path / "model", settings=short, validation=[])


def test_workers_of_a_resumed_training_start_at_its_own_epoch():
    """They ask for patches before the epoch starts, as soon as the checkpoint is loaded."""
    sampler = EpochSampler(4)
    trainer = Trainer(logger=False, accelerator="cpu", barebones=True)
    seeds = SeedEpoch(sampler, 5, seed=0)
    seeds.on_load_checkpoint(trainer, LightningModule(), {"global_step": 15})
    assert next(iter(sampler)) == (3, 0)


def test_a_table_without_weights_is_scored_by_the_plain_mean():
    found = Picks(np.zeros((1, 3)), "large", run="a")
    sweeps = sweep(found, found, objects=OBJECTS)
    assert summarise(sweeps, {"large": 0, "small": 0})["weighted"] == 0.5
    assert summarise(sweeps, {"large": 1, "small": 0})["weighted"] == 1.0


def test_deep_recipes_train_too(project, tmp_path):
    """Another network, target and loss, from names alone."""
    settings = {
        **FAST,
        "model": {"name": "unet", "channels": [4, 8], "strides": [2]},
        "target": {"name": "spheres"},
        "loss": {"name": "tversky"},
        "picker": {"name": "components"},
        "training": {**FAST["training"], "steps": 2, "mixup": 1.0, "schedule": "halving", "ema": 0},
    }
    result = train(project, tmp_path / "unet", settings=settings)
    assert result.detector.card.stride == 1


@pytest.mark.slow
def test_it_learns_to_tell_large_balls_from_small_ones(project, tmp_path):
    longer = {
        **FAST,
        "training": {**FAST["training"], "steps": 200, "validate_every": 50, "ema": 0.9},
    }
    result = train(project, tmp_path / "long", settings=longer)
    assert result.detector.card.score["weighted"] > 0.9
