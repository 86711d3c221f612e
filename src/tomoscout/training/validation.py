"""Validation on whole runs, the weights worth keeping, and the score others act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.inference.detect import FLOOR, find_all, predict
from tomoscout.inference.weights import Detector, save_detector
from tomoscout.training.progress import Progress
from tomoscout.training.settings import TrainingSettings
from tomoscout.tuning.thresholds import Sweep, sweep

SCORE = "weighted"
"""What callbacks that watch the score find it under, and its name in the log."""

SPECIALISTS = "specialists"
"""Folder of the weights that score best on one object each."""


@dataclass(frozen=True)
class ValidationRun:
    """One held-out run: its tomogram and its truth."""

    volume: Volume
    truth: Picks


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
    settings: TrainingSettings
    at_start: bool = False
    best: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the weights a training starts from: it may not make them better."""
        if self.at_start and trainer.global_step == 0:
            self._validate(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the runs, and save the weights when they beat the best so far."""
        if trainer.sanity_checking:
            return
        self._validate(trainer, pl_module)
        pl_module.log(SCORE, self.scores[SCORE], logger=False)

    def _validate(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the weights in place."""
        training = pl_module.training
        found = [self._pick(run, pl_module.device) for run in self.runs]
        pl_module.train(training)
        table = self.detector.objects
        sweeps = sweep(found, [run.truth for run in self.runs], objects=table, floor=FLOOR)
        self.scores.update(summarise(sweeps, {o.name: o.weight for o in table.each()}))
        for name, score in self.scores.items():
            is_better = score > self.best.get(name, -1.0)
            if is_better:
                self.best[name] = score
            if trainer.is_global_zero and (path := self._worth_keeping(name, is_better)):
                self._save(path, sweeps)
        self.progress.f_beta, self.progress.best = self.scores[SCORE], self.best[SCORE]

    def _worth_keeping(self, name: str, is_better: bool) -> Path | None:
        """Return the file that weights are kept in, if they are, for the sake of one score."""
        if name == SCORE:
            return self.path if is_better or self.settings.keep == "last" else None
        if is_better and self.settings.specialists:
            return specialist_path(self.path.parent, name)
        return None

    def _pick(self, run: ValidationRun, device: torch.device) -> Picks:
        """Return all candidates of one run above the floor."""
        scores = predict(run.volume, self.detector, device=str(device))
        floor = dict.fromkeys(self.detector.objects.names, FLOOR)
        found = find_all(scores, self.detector, thresholds=floor)
        return Picks.concatenate([Picks.empty(run=run.truth.run), found])

    def _save(self, path: Path, sweeps: dict[str, Sweep]) -> None:
        """Write the weights with their scores and thresholds on the validation runs."""
        runs = tuple(run.truth.run for run in self.runs)
        spread = self.settings.threshold_spread
        tuned = self.detector.with_thresholds(
            {name: s.steady(spread).threshold for name, s in sweeps.items()}, runs
        )
        card = tuned.card.model_copy(update={"score": dict(self.scores)})
        path.parent.mkdir(exist_ok=True)
        save_detector(Detector(tuned.network, card), path)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must know."""
        return {"best": dict(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.best = dict(state_dict["best"])


def specialist_path(folder: Path, name: str) -> Path:
    """Return the file of the weights that are best on one object."""
    return folder / SPECIALISTS / f"{name.replace('/', '_')}.safetensors"


def summarise(sweeps: dict[str, Sweep], weights: dict[str, float]) -> dict[str, float]:
    """Return the best F-beta of each object, and their weighted mean."""
    scores = {name: float(s.best.f_beta) for name, s in sweeps.items()}
    if not any(weights.values()):  # a table that scores nothing: all objects count alike
        weights = dict.fromkeys(scores, 1.0)
    total = sum(weights.values())
    weighted = sum(weights[name] * score for name, score in scores.items()) / total
    return {**scores, SCORE: weighted}
