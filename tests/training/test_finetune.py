"""Training from weights instead of from chance: where it starts, and what it may be resumed as."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from tomoscout.cli import main
from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.inference.weights import load_detector
from tomoscout.io.project import open_project
from tomoscout.training.progress import read_history
from tomoscout.training.run import train
from tomoscout.training.stretches import LastCheckpoint

LOOP = {"steps": 8, "batch_size": 2, "validate_every": 4, "warmup": 2, "ema": 0.5}
FIRST = {
    "model": {"name": "scout_unet", "widths": [8, 16], "dropout": 0.1},
    "sampling": {"patch": [32, 32, 32]},
    "training": {**LOOP, "steps": 30, "validate_every": 30, "learning_rate": 5e-3},
}
NEXT = {"training": {**LOOP, "seed": 1}}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def init(project, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("init") / "first"
    train(project, folder, settings=FIRST)
    return folder


@pytest.fixture(scope="module")
def finetuned(project, init, tmp_path_factory):
    folder = tmp_path_factory.mktemp("next") / "model"
    return train(project, folder, init=init, settings=NEXT)


@pytest.fixture(scope="module")
def last(project, init, tmp_path_factory):
    """Without validation, so that the weights are those of the last step."""
    folder = tmp_path_factory.mktemp("last") / "model"
    return train(project, folder, init=init, settings=NEXT, validation=[])


def test_it_starts_at_the_score_of_the_weights_it_starts_from(init, finetuned):
    before = load_detector(init).card.score
    rows = [r for r in read_history(finetuned.folder / "history.csv") if r["weighted"]]
    assert [int(row["step"]) for row in rows] == [0, 4, 8]
    assert float(rows[0]["weighted"]) == pytest.approx(before["weighted"], abs=1e-9)
    assert before["weighted"] > 0.05, "a score of nothing would say nothing"


def test_weights_that_only_get_worse_are_kept_as_they_were(project, init, tmp_path):
    ruin = {"training": {**LOOP, "learning_rate": 50.0, "ema": 0, "clip": 0}}
    result = train(project, tmp_path / "ruin", init=init, settings=ruin)
    assert result.detector.fingerprint == load_detector(init).fingerprint


def test_the_card_says_what_it_started_from(init, finetuned):
    card, before = finetuned.detector.card, load_detector(init)
    assert card.origin.name == "first"
    assert card.origin.fingerprint == before.fingerprint
    assert card.origin.trained_on == before.card.trained_on
    assert card.model == before.card.model, "the recipe finetune names no network"
    assert card.patch == before.card.patch


def test_a_stopped_finetuning_resumes_to_the_same_bytes(project, init, last, tmp_path, monkeypatch):
    """Started anew as a whole, too: the first stretch is done twice."""
    folder = tmp_path / "stopped"
    write = LastCheckpoint.on_train_epoch_end

    def stop_after(self, trainer: Trainer, module) -> None:
        write(self, trainer, module)
        raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_train_epoch_end", stop_after)
        with pytest.raises(RuntimeError, match="stopped"):
            train(project, folder, init=init, settings=NEXT, validation=[])
    steps = torch.load(folder / "last.ckpt", weights_only=True)["global_step"]
    assert steps == 4, "half way"
    train(project, folder, init=init, settings=NEXT, validation=[])
    assert digest(folder / "model.safetensors") == digest(last.folder / "model.safetensors")
    assert last.detector.fingerprint != load_detector(init).fingerprint


def test_the_log_of_a_resumed_finetuning_starts_once(project, init, tmp_path):
    half, folder = {"training": {**LOOP, "steps": 4}}, tmp_path / "model"
    for _ in range(2):
        train(project, folder, init=init, settings=half)
    rows = [r for r in read_history(folder / "history.csv") if r["weighted"]]
    assert [int(row["step"]) for row in rows] == [0, 4]


def test_other_weights_to_start_from_are_another_training(project, init, last, tmp_path):
    with pytest.raises(UserError, match="other weights to start from"):
        train(project, last.folder, init=last.folder, settings=NEXT, validation=[])
    scratch = {**NEXT, **{key: FIRST[key] for key in ("model", "sampling")}}
    with pytest.raises(UserError, match="other weights to start from"):
        train(project, last.folder, recipe="finetune", settings=scratch, validation=[])


def test_objects_in_another_order_start_at_their_own_scores(project, init, tmp_path):
    opened = open_project(project)
    table = ObjectTable(objects=(opened.objects["small"], opened.objects["large"]))
    swapped = replace(
        opened, objects=table, runs=tuple(replace(r, objects=table) for r in opened.runs)
    )
    short = {"training": {**LOOP, "steps": 4}}
    result = train(swapped, tmp_path / "swapped", init=init, settings=short)
    assert result.detector.objects.names == ["small", "large"]
    rows = read_history(tmp_path / "swapped" / "history.csv")
    scored = next(row for row in rows if row["weighted"])
    before = load_detector(init).card.score
    assert float(scored["small"]) == pytest.approx(before["small"], abs=0.01)
    assert float(scored["large"]) == pytest.approx(before["large"], abs=0.01)


def test_the_command_says_where_its_settings_come_from(project, init, tmp_path, capsys):
    command = ["train", str(project), "--init", str(init), "-o", str(tmp_path / "out")]
    short = ["--training.steps", "1", "--training.batch-size", "1"]
    assert main([*command, *short]) == 0
    told = capsys.readouterr().err
    assert "settings: defaults < weights first < recipe finetune < flags: training.steps=1" in told


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--init", "nowhere"], "no weights 'nowhere': no such file or training folder"),
        (["--init", "{init}", "--model.name", "unet"], "are weights of 'scout_unet'"),
        (["--init", "{init}", "--model.widths", "8,8"], "with widths [8, 16]"),
        (["--init", "https://example.org/w.safetensors"], "needs their checksum"),
    ],
)
def test_what_cannot_be_started_from_is_refused(flags, words, project, init, tmp_path, capsys):
    flags = [flag.format(init=init) for flag in flags]
    assert main(["train", str(project), "-o", str(tmp_path / "out"), *flags]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_tomograms_of_a_far_voxel_spacing_are_refused_before_anything_is_written(
    init, project, tmp_path
):
    far = load_detector(init)
    far = replace(far, card=far.card.model_copy(update={"voxel_spacing": 25.0}))
    with pytest.raises(UserError, match=r"10 Å voxels: .* was trained on 25 Å"):
        train(project, tmp_path / "out", init=far, settings=NEXT)
    assert not (tmp_path / "out").exists()
