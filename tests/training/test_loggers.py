"""What is written into ``history.csv`` reaches the extra loggers too; machines are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers import Logger

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.settings import parse_overrides
from tomoscout.training.loop import make_trainer
from tomoscout.training.progress import read_history
from tomoscout.training.recipe import read_recipe
from tomoscout.training.run import train
from tomoscout.training.settings import TrainingSettings
from tomoscout.training.validation import ValidateRuns

TINY = {
    "model": {"name": "scout_unet", "widths": [4, 8]},
    "sampling": {"patch": [16, 16, 16]},
    "augment": "none",
}
LOOP = {"steps": 4, "batch_size": 1, "validate_every": 2, "warmup": 1, "bf16": False}


class Recorder(Logger):
    """Keeps what it is told."""

    name = version = "recorder"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.settings: list[dict[str, Any]] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append((step or 0, dict(metrics)))

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        self.settings.append(params)


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What validations find, without the time that picking takes."""
    told = {"large": 0.5, "small": 0.25, "weighted": 0.375}
    monkeypatch.setattr("tomoscout.training.validation.summarise", lambda *_: told)
    monkeypatch.setattr(
        ValidateRuns, "_pick", lambda _, run, device: Picks.empty(run=run.truth.run)
    )
    return told


def history(folder: Path) -> list[tuple[int, dict[str, float]]]:
    """Return the rows of the log: the step, and what there is besides the clock."""
    return [
        (int(row.pop("step")), {k: float(v) for k, v in row.items() if v and k != "seconds"})
        for row in map(dict, read_history(folder / "history.csv"))
    ]


def test_an_extra_logger_gets_every_row_of_the_history_and_the_recipe(
    project, tmp_path, monkeypatch, scores
):
    recorder = Recorder()
    monkeypatch.setattr("tomoscout.training.loop.extra_logger", lambda *_: recorder)
    given = {**TINY, "training": LOOP}
    train(project, tmp_path / "out", settings=given, validation=["run0"], device="cpu")
    rows = history(tmp_path / "out")
    assert [step for step, _ in rows] == [2, 2, 4, 4]
    assert recorder.rows == rows
    assert [row for step, row in rows if "weighted" in row] == [scores, scores]
    (settings,) = recorder.settings
    assert settings["training"]["steps"] == 4
    assert settings["model"]["widths"] == [4, 8]


def test_tensorboard_shows_the_rows_of_the_history(project, tmp_path, scores):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    given = {**TINY, "training": {**LOOP, "logger": "tensorboard"}}
    train(project, tmp_path / "out", settings=given, validation=["run0"], device="cpu")
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard"))
    events.Reload()
    for key in ("loss", "learning_rate", "weighted"):
        shown = [(event.step, event.value) for event in events.Scalars(key)]
        wanted = [(step, row[key]) for step, row in history(tmp_path / "out") if key in row]
        assert shown == [(step, pytest.approx(value, rel=1e-5)) for step, value in wanted]


@pytest.mark.parametrize("nodes", ["0", "-1", "two"])
def test_a_number_of_machines_that_cannot_be_is_refused(nodes):
    with pytest.raises(UserError, match=r"'training\.nodes'"):
        read_recipe("scout", parse_overrides([f"training.nodes={nodes}"]))


def test_machines_and_their_devices_share_a_step(tmp_path):
    settings = TrainingSettings(nodes=3, devices=2, bf16=False)
    assert settings.processes == 6
    trainer = make_trainer(settings, device=torch.device("cpu"), folder=tmp_path, callbacks=[])
    assert (trainer.num_nodes, trainer.num_devices, trainer.world_size) == (3, 2, 6)
