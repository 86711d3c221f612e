"""What a recipe can ask of the loop, in trainings of a few steps."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Trainer

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.inference.weights import load_detector
from tomoscout.training._checks import check_parts
from tomoscout.training.progress import read_history
from tomoscout.training.recipe import read_recipe
from tomoscout.training.run import train
from tomoscout.training.stretches import LastCheckpoint
from tomoscout.training.validation import ValidateRuns

TINY = {
    "model": {"name": "scout_unet", "widths": [4, 8], "dropout": 0.1},
    "sampling": {"patch": [16, 16, 16]},
    "augment": "none",
}
LOOP = {"steps": 6, "batch_size": 2, "validate_every": 2, "warmup": 1, "ema": 0, "bf16": False}
HYBRID = {"target": {"name": "spheres"}, "loss": {"name": "cross_entropy_tversky"}}
BALANCED = {"gradnorm": 0.05, "steps": 24, "validate_every": 12, "batch_size": 1}


def settings(**changes) -> dict:
    return {**TINY, "training": {**LOOP, **changes}}


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def weights(folder: Path) -> torch.Tensor:
    tensors = load_detector(folder).network.state_dict().values()
    return torch.cat([t.flatten().float() for t in tensors if t.ndim > 1])


@pytest.fixture
def scripted(monkeypatch):
    """Validations that say what they are told to; picking takes longer than these trainings."""

    def script(*told: dict[str, float]):
        left = list(told)

        def summarise(*_):
            return left.pop(0)

        monkeypatch.setattr("tomoscout.training.validation.summarise", summarise)

    return script


def scores(large: float, small: float) -> dict[str, float]:
    return {"large": large, "small": small, "weighted": (large + small) / 2}


def test_accumulated_batches_make_the_step_of_one_larger_batch(project, tmp_path):
    """The network's norms are of each patch alone."""
    net = {"name": "unet", "channels": [4, 8], "strides": [2], "norm": "instance"}
    given = {"validation": [], "device": "cpu"}
    for name, batch, accumulate in (("small", 1, 2), ("large", 2, 1)):
        changes = {"batch_size": batch, "accumulate": accumulate, "steps": 3, "validate_every": 3}
        train(project, tmp_path / name, settings={**settings(**changes), "model": net}, **given)
    torch.testing.assert_close(weights(tmp_path / "small"), weights(tmp_path / "large"))
    losses = [
        read_history(tmp_path / name / "history.csv")[0]["loss"] for name in ("small", "large")
    ]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-3)


def test_it_stops_when_the_score_no_longer_rises_and_stays_stopped(project, tmp_path, scripted):
    scripted(scores(0.2, 0.2), scores(0.3, 0.3), scores(0.3, 0.3), scores(0.1, 0.1))
    folder, given = tmp_path / "early", settings(patience=2, steps=20)
    train(project, folder, settings=given)
    rows = [r for r in read_history(folder / "history.csv") if r["weighted"]]
    assert [int(row["step"]) for row in rows] == [2, 4, 6, 8]
    before = digest(folder)
    train(project, folder, settings=given)  # any further validation would find no score left
    assert digest(folder) == before


def test_the_best_weights_of_each_object_are_kept(project, tmp_path, scripted):
    scripted(scores(0.1, 0.9), scores(0.5, 0.2), scores(0.9, 0.1))
    result = train(project, tmp_path / "special", settings=settings(specialists=True))
    found = {p.stem: load_detector(p).card.score for p in (result.folder / "specialists").iterdir()}
    assert found == {"large": scores(0.9, 0.1), "small": scores(0.1, 0.9)}
    assert result.detector.card.score == scores(0.1, 0.9), "the first of equally good ones"


def test_the_last_weights_are_kept_where_that_is_asked_for(project, tmp_path, scripted):
    scripted(scores(0.9, 0.9), scores(0.5, 0.5), scores(0.1, 0.1))
    result = train(project, tmp_path / "last", settings=settings(keep="last"))
    assert result.detector.card.score == scores(0.1, 0.1)


def test_fold_all_trains_on_every_run_and_keeps_the_last_averaged_weights(project, tmp_path):
    result = train(project, tmp_path / "all", settings=settings(swa=0.5), fold="all")
    assert result.fold.train == ("run0", "run1", "run2")
    assert (result.fold.validation, result.detector.card.tuned_on) == ((), ())
    last = torch.load(tmp_path / "all" / "last.ckpt", weights_only=True)
    averaged = last["state_dict"]["network.head.weight"]
    assert torch.equal(result.detector.network.state_dict()["head.weight"], averaged)
    assert not torch.equal(averaged, last["current_model_state"]["network.head.weight"])
    assert int(last["averaging_state"]["n_averaged"]) == 3


def test_measured_class_weights_are_noted(project, tmp_path):
    given = {**settings(steps=1), "class_weights": {"method": "inverse", "limit": 30}}
    train(project, tmp_path / "weighed", settings=given, validation=[])
    record = yaml.safe_load((tmp_path / "weighed" / "recipe.yaml").read_text())
    background, *objects = record["measured"]["class_weights"]
    assert background == 1.0
    assert objects == [30.0, 30.0], "points are rarer than one cell in thirty"
    train(project, tmp_path / "weighed", settings=given, validation=[])  # resumes


RESUMED = {
    "accumulate": {"accumulate": 2, "batch_size": 1},
    "swa": {"swa": 0.3, "swa_learning_rate": 1e-3},
    "plateau": {"schedule": "plateau", "plateau_patience": 0, "patience": 9},
    "gradnorm": BALANCED,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RESUMED)
def test_a_stopped_training_resumes_to_the_same_bytes(name, project, tmp_path, monkeypatch):
    given = settings(**RESUMED[name], keep="last") | (HYBRID if name == "gradnorm" else {})
    held = {"validation": ["run0"] if name == "plateau" else []}
    train(project, tmp_path / "whole", settings=given, **held)
    write = LastCheckpoint.on_train_epoch_end

    def stop_after(self, trainer: Trainer, module) -> None:
        write(self, trainer, module)
        raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_train_epoch_end", stop_after)
        with pytest.raises(RuntimeError, match="stopped"):
            train(project, tmp_path / "stopped", settings=given, **held)
    train(project, tmp_path / "stopped", settings=given, **held)
    assert digest(tmp_path / "stopped") == digest(tmp_path / "whole")


@pytest.mark.parametrize(
    ("given", "validation", "words"),
    [
        (
            settings(gradnorm=1e-3),
            None,
            "loss 'cross_entropy' has no parts to balance: choose from",
        ),
        (settings(schedule="plateau"), [], "plateau follows the validation score, and no run is"),
        (settings(level_weights=[1, 1]), None, "has 1 output: give as many weights, or none"),
        (
            settings() | {"class_weights": {"method": "given", "objects": {"larg": 2}}},
            None,
            "Did you mean 'large'",
        ),
        (settings(seed=-1), [], "training.seed"),
        (settings(logger="wandb"), [], "pip install 'tomoscout\\[wandb\\]'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(given, validation, words, project, tmp_path):
    with pytest.raises(UserError, match=words) as error:
        train(project, tmp_path / "out", settings=given, validation=validation)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_mixing_in_batches_of_one_is_said_to_have_no_effect(caplog):
    for size, told in ((1, 2), (2, 0)):
        caplog.clear()
        given = settings(batch_size=size, mixup=1.0, cutmix=0.5)
        check_parts(read_recipe("scout", given), CZII)
        assert sum("has no effect" in line for line in caplog.messages) == told


SCRIPT = """
import json, sys
from tomoscout.training.run import train
if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], settings=json.loads(sys.argv[3]), validation=[], device="cpu")
"""


@pytest.mark.slow
def test_two_processes_share_a_step(project, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    given = settings(devices=2, batch_size=1, gradnorm=0.05, swa=0.5) | HYBRID
    command = [sys.executable, str(script), str(project), str(tmp_path / "two"), json.dumps(given)]
    subprocess.run(command, check=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
    record = torch.load(tmp_path / "two" / "last.ckpt", weights_only=True)
    assert record["global_step"] == 6
    assert load_detector(tmp_path / "two").card.recipe["training"]["devices"] == 2


def test_a_compiled_network_learns_the_same(project, tmp_path, monkeypatch):
    """Without the compiler's back end, which takes minutes, but with all that leads to it."""
    asked = []

    def without_back_end(network):
        asked.append(network)
        return compile_network(network, backend="eager")

    compile_network = torch.compile
    monkeypatch.setattr(torch, "compile", without_back_end)
    for name in ("plain", "compiled"):
        given = settings(compile=name == "compiled", steps=2)
        train(project, tmp_path / name, settings=given, validation=[], device="cpu")
    assert len(asked) == 1
    torch.testing.assert_close(weights(tmp_path / "plain"), weights(tmp_path / "compiled"))


def test_holding_out_runs_of_all_is_refused(project, tmp_path):
    with pytest.raises(UserError, match="fold all holds out no run, but run1"):
        train(project, tmp_path / "out", settings=TINY, fold="all", validation=["run1"])


def test_validation_sees_the_averaged_weights(project, tmp_path, monkeypatch):
    seen = []
    pick = ValidateRuns._pick

    def look(self, run, device):
        seen.append(self.detector.network.state_dict()["head.weight"].clone())
        return pick(self, run, device)

    monkeypatch.setattr(ValidateRuns, "_pick", look)
    train(project, tmp_path / "seen", settings=settings(swa=0.5, keep="last"))
    saved = torch.load(tmp_path / "seen" / "last.ckpt", weights_only=True)
    assert torch.equal(seen[-1], saved["state_dict"]["network.head.weight"])
    assert not torch.equal(seen[-1], saved["current_model_state"]["network.head.weight"])
