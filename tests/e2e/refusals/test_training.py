"""Recipes, settings and projects that cannot be trained with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

TRAIN = "train project/copick.json -o {out} --recipe tiny.yaml"
Refuse = Callable[..., str]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("--recipe scuot", "no recipe 'scuot': choose from|Did you mean 'scout'?"),
        ("--recipe nowhere.yaml", "nowhere.yaml: no such file"),
        ("--training.stesp 3", "unknown setting 'training.stesp'. Did you mean 'steps'?"),
        ("--trainng.steps 3", "unknown setting 'trainng'. Did you mean 'training'?"),
        ("--training.steps many", "'training.steps': input should be a valid integer|found 'many'"),
        ("--training.steps", "--training.steps: its value is missing"),
        ("--training.steps --fold 1", "--training.steps: its value is missing"),
        ("--training.steps [1", "--training.steps=[1: not a value (line 1: expected"),
        ("--training 3", "Unknown option: --training."),
        ("--set training", "'training': write a setting as section.key=value"),
        ("--set training=3 --training.steps 3", "'training' was set as a whole before"),
        ("--model.name unte", "no 'unte' among the models|Did you mean 'unet'?"),
        ("--model.widhts 8,16", "unknown setting 'widhts'. Did you mean 'widths'?"),
        ("--model.name unet --model.norm nrom", "unet: MONAI refuses these settings"),
        ("--sampling.patch 33,32,32", "sampling.patch (33, 32, 32)|multiples of|use 32,32,32"),
        ("--training.level-weights 1,2", "training.level_weights (1.0, 2.0)|has 1 output"),
        ("--normalise.clip 9,3", "'normalise.clip': two rising percentiles"),
    ],
)
def test_a_wrong_setting_is_refused(setting: str, words: str, refuse: Refuse):
    base = TRAIN if "--recipe" not in setting else "train project -o {out}"
    refuse(f"{base} {setting}", *words.split("|"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {stesp: 3}", "unknown setting 'training.stesp'. Did you mean 'steps'?"),
        ("trainng: {steps: 3}", "unknown setting 'trainng'. Did you mean 'training'?"),
        ("- a", "expected 'key: value' lines, found list"),
        ("steps: 3\na: b: c", "not YAML (line 2: mapping values are not allowed here)"),
        ("model: unet", "'model': input should be a valid dictionary|found 'unet'"),
        ("target: {name: heatmaps}\nloss: {name: tverksy}", "no 'tverksy' among the losses"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(text: str, words: str, refuse: Refuse, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(text)
    refuse(f"train project -o {{out}} --recipe {tmp_path}/mine.yaml", *words.split("|"))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train nowhere -o {out}", "nowhere: no such file or folder"),
        ("train good.mrc -o {out}", "good.mrc: no run has picks to train on|beside the tomograms"),
        ("train project/static -o {out}", "project/static: no run has picks to train on"),
        ("train twins -o {out}", "twins: run names must differ, found 'TS_1' twice"),
        ("train misnamed -o {out}", "unknown object 'ribosom'|Did you mean 'ribosome'?"),
        (f"{TRAIN} --objects three.yaml", "no particle of tiny in the training runs|take it out"),
        (f"{TRAIN} --objects renamed.yaml", "small.json: unknown object 'small'|mean 'smal'?"),
        (f"{TRAIN} --objects twice.yaml", "twice.yaml|names must differ, found twice: large"),
        (f"{TRAIN} --objects negative.yaml", "negative.yaml: 'objects.0.radius'|found -3"),
        (f"{TRAIN} --objects misspelt.yaml", "'objects.0.radus'. Did you mean 'radius'?"),
        (f"{TRAIN} --objects nowhere.yaml", "nowhere.yaml: no such file"),
    ],
)
def test_a_project_that_cannot_be_trained_on_is_refused(command: str, words: str, refuse: Refuse):
    """Before anything is written, although some of it shows only when all runs are read."""
    refuse(command, *words.split("|"))


def test_a_broken_checkpoint_is_told_from_a_broken_program(say, refuse: Refuse, out: Path):
    assert say(TRAIN)[0] == 0
    (out / "last.ckpt").write_bytes((out / "last.ckpt").read_bytes()[:5000])
    refuse(TRAIN, "last.ckpt: cannot be read", "--overwrite to start anew")
    refuse(f"{TRAIN} --training.steps 3", "out: holds a training with another recipe")
    assert say(f"{TRAIN} --overwrite")[0] == 0
