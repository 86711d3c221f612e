"""Weights that cannot be opened, and weights for something else."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tomoscout.cli import main
from tomoscout.inference.weights import load_detector

Refuse = Callable[..., str]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "no weights 'nowhere': no such file or training folder"),
        ("empty", "empty: no model.safetensors in this folder; has its training finished?"),
        ("pickle.pth", "pickle.pth: not a safetensors file|pickled weights are never opened"),
        ("cut.safetensors", "cut.safetensors: not a safetensors file, or cut short|copy it again"),
        ("header.safetensors", "header.safetensors: not a safetensors file, or cut short"),
        ("plain.safetensors", "plain.safetensors: no Tomoscout card|a file that 'train' wrote"),
        ("card.safetensors", "card.safetensors: its card is broken|copy the file again"),
        ("good.mrc", "good.mrc: not a safetensors file"),
    ],
)
def test_unreadable_weights_are_refused(name: str, words: str, refuse: Refuse):
    refuse(f"pick good.mrc --model {name} -o {{out}}", *words.split("|"))
    refuse(f"predict good.mrc --model {name} -o {{out}}", *words.split("|"))
    refuse(f"tune {name} project", *words.split("|"))


def test_weights_for_other_objects_than_the_projects_are_refused(refuse: Refuse):
    words = "foreign.safetensors finds lagre", "project/copick.json", "use other weights"
    refuse("pick project/copick.json --model foreign.safetensors -o {out}", *words)
    refuse("predict project/copick.json --model foreign.safetensors -o {out}", *words)
    refuse("tune foreign.safetensors project/copick.json", *words)


def test_folds_for_different_objects_are_not_tuned_together(refuse: Refuse):
    refuse(
        "tune model.safetensors project --also fewer.safetensors",
        "fewer.safetensors finds large, but model.safetensors large, small",
        "give folds of one recipe",
    )


def test_thresholds_are_not_tuned_on_runs_that_were_trained_on(refuse: Refuse):
    refuse("tune model.safetensors project --runs run0", "was trained on run0", "with --runs")
    refuse("tune all.safetensors project", "was trained on every annotated run of project")
    refuse("tune model.safetensors good.mrc", "good.mrc: no run has picks")
    refuse("tune model.safetensors project --runs rnu2", "no run 'rnu2'", "Did you mean 'run2'?")


def test_a_threshold_from_few_particles_comes_with_a_caution(say, shelf, tmp_path, capsys):
    weights = shutil.copy(shelf / "model.safetensors", tmp_path)
    assert main(["tune", str(weights), str(shelf / "project"), "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "tuned on 2 particles only" in told.out or "no pick hits one of its 2" in told.out
    assert load_detector(weights).card.tuned_on == ("run2",)
