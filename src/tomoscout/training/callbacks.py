"""What happens around the steps: validation on whole runs, the log, the checkpoint to resume."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.module import EpochSampler
from tomoscout.inference.detect import FLOOR, find_all, predict
from tomoscout.inference.weights import Detector, save_detector
from tomoscout.io._atomic import disk_errors
from tomoscout.tuning.thresholds import Sweep, sweep


@dataclass(frozen=True)
class ValidationRun:
    """One held-out run: its tomogram and its truth."""

    volume: Volume
    truth: Picks


@dataclass
class Progress:
    """Where a training stands, for whoever draws the progress bar."""

    step: int = 0
    steps: int = 0
    loss: float = float("nan")
    f_beta: float = float("nan")
    best: float = float("nan")


@dataclass
class ValidateRuns(Callback):
    """Pick the held-out runs with the averaged weights; keep the weights that score best.

    Stands before the averaging callback in the list, which swaps the averaged weights in when
    validation starts and out when its turn to end comes: in between is this one's turn.
    """

    detector: Detector
    runs: Sequence[ValidationRun]
    path: Path
    progress: Progress
    spread: float
    at_start: bool = False
    best: float = -1.0
    scores: dict[str, float] = field(default_factory=dict)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the weights a training starts from: it may not make them better."""
        if self.at_start and trainer.global_step == 0:
            self.on_validation_epoch_end(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the runs, and save the weights when they beat the best so far."""
        if trainer.sanity_checking:
            return
        training = pl_module.training
        found = [self._pick(run, pl_module.device) for run in self.runs]
        pl_module.train(training)
        table = self.detector.objects
        sweeps = sweep(found, [run.truth for run in self.runs], objects=table, floor=FLOOR)
        self.scores = summarise(sweeps, {o.name: o.weight for o in table.each()})
        self.progress.f_beta = self.scores["weighted"]
        if self.scores["weighted"] > self.best and trainer.is_global_zero:
            self.best = self.scores["weighted"]
            self._save(sweeps)
        self.progress.best = self.best

    def _pick(self, run: ValidationRun, device: torch.device) -> Picks:
        """Return all candidates of one run above the floor."""
        scores = predict(run.volume, self.detector, device=str(device))
        floor = dict.fromkeys(self.detector.objects.names, FLOOR)
        found = find_all(scores, self.detector, thresholds=floor)
        return Picks.concatenate([Picks.empty(run=run.truth.run), found])

    def _save(self, sweeps: dict[str, Sweep]) -> None:
        """Write the weights with their scores and thresholds on the validation runs."""
        runs = tuple(run.truth.run for run in self.runs)
        tuned = self.detector.with_thresholds(
            {name: s.steady(self.spread).threshold for name, s in sweeps.items()}, runs
        )
        card = tuned.card.model_copy(update={"score": self.scores})
        save_detector(Detector(tuned.network, card), self.path)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must know."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.best = float(state_dict["best"])


def summarise(sweeps: dict[str, Sweep], weights: dict[str, float]) -> dict[str, float]:
    """Return the best F-beta of each object, and their weighted mean."""
    scores = {name: float(s.best.f_beta) for name, s in sweeps.items()}
    if not any(weights.values()):  # a table that scores nothing: all objects count alike
        weights = dict.fromkeys(scores, 1.0)
    total = sum(weights.values())
    weighted = sum(weights[name] * score for name, score in scores.items()) / total
    return {**scores, "weighted": weighted}


class History(Callback):
    """Write ``history.csv``: the mean loss of ten steps a row, and one row per validation.

    Lightning's own logger deletes the log of the run it resumes; this one cuts it back to the
    step it resumes from.
    """

    EVERY = 10

    def __init__(self, path: Path, objects: Sequence[str], validation: ValidateRuns | None) -> None:
        self.path = path
        self.validation = validation
        self.columns = ["step", "seconds", "learning_rate", "loss", "weighted", *objects]
        self.losses: list[float] = []
        self.started = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the log, or cut it back to the step a resumed run starts from."""
        step = trainer.global_step
        kept = [r for r in read_history(self.path) if int(r["step"]) <= step] if step else []
        with disk_errors(self.path), self.path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(kept)
        self.started = time.monotonic() - (float(kept[-1]["seconds"]) if kept else 0.0)
        if step == 0 and self.validation is not None and self.validation.scores:
            self._append(0, self.validation.scores)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Note the loss; write the mean of ten."""
        self.losses.append(float(outputs["loss"]))
        if len(self.losses) == self.EVERY:
            self._append_loss(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the scores of a validation; a resumed log starts a new mean after it, too."""
        if self.losses:
            self._append_loss(trainer)
        if self.validation is not None and self.validation.scores:
            self._append(trainer.global_step, self.validation.scores)

    def _append_loss(self, trainer: Trainer) -> None:
        """Add a row with the mean loss since the last one."""
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        loss = sum(self.losses) / len(self.losses)
        self._append(trainer.global_step, {"learning_rate": f"{rate:.3e}", "loss": f"{loss:.5g}"})
        self.losses.clear()

    def _append(self, step: int, values: dict[str, Any]) -> None:
        """Add one row."""
        seconds = round(time.monotonic() - self.started, 1)
        with disk_errors(self.path), self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns).writerow(
                {"step": step, "seconds": seconds, **values}
            )


def read_history(path: Path) -> list[dict[str, str]]:
    """Read the rows of a training log; none when there is no log yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if (row.get("step") or "").isdigit()]


class SeedEpoch(Callback):
    """Let each stretch between validations draw from seeds of its own, so that it can be redone.

    Counted by steps: Lightning's own epoch number is one ahead after a resume from the end of
    an epoch.
    """

    def __init__(self, sampler: EpochSampler, steps: int, seed: int) -> None:
        self.sampler = sampler
        self.steps = steps
        self.seed = seed

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Choose the epoch early: worker processes ask for patches before it starts."""
        self.sampler.set_epoch(checkpoint["global_step"] // self.steps)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seed the patches, and torch's own generator, which dropout draws from."""
        epoch = trainer.global_step // self.steps
        self.sampler.set_epoch(epoch)
        torch.manual_seed(self.seed * 1_000_003 + epoch)


class ValidateLast(Callback):
    """Let the last steps be validated too where they do not fill a stretch between validations."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Ask for the end at the last step: Lightning validates before one that is asked for."""
        trainer.should_stop |= trainer.global_step >= trainer.max_steps


class LastCheckpoint(Checkpoint):
    """After each validation, write everything needed to resume exactly, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the checkpoint beside the last one, then take its place."""
        partial = self.path.with_name(f".{self.path.name}.partial-{os.getpid()}")
        try:
            with disk_errors(self.path):
                trainer.save_checkpoint(partial, weights_only=False)
                if trainer.is_global_zero:
                    os.replace(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)


class Tell(Callback):
    """Keep ``progress`` up to date and tell it after every step."""

    def __init__(self, progress: Progress, tell: Callable[[Progress], None]) -> None:
        self.progress = progress
        self.tell = tell

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Tell where the training stands."""
        loss = float(outputs["loss"])
        old = self.progress.loss
        self.progress.loss = loss if old != old else 0.95 * old + 0.05 * loss
        self.progress.step = trainer.global_step
        self.tell(self.progress)
