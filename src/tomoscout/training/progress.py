"""What a training tells while it runs: to whoever draws the bar, and to ``history.csv``."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tomoscout.io._atomic import disk_errors


@dataclass
class Progress:
    """Where a training stands, for whoever draws the progress bar."""

    step: int = 0
    steps: int = 0
    loss: float = float("nan")
    f_beta: float = float("nan")
    best: float = float("nan")
    accuracy: float = float("nan")


class History(Callback):
    """Write ``history.csv``: the mean loss of ten steps a row, and one row per validation.

    Lightning's own logger deletes the log of the run it resumes; this one cuts it back to the
    step it resumes from. What it writes also goes to the extra loggers, where there are any.

    Parameters
    ----------
    path
        The log.
    scored
        What validations give figures for: a column each.
    scores
        What the last validation found; others fill it in place.
    """

    EVERY = 10

    def __init__(self, path: Path, scored: Sequence[str], scores: Mapping[str, Any]) -> None:
        self.path = path
        self.scores = scores
        self.columns = ["step", "seconds", "learning_rate", "loss", *scored]
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
        if step == 0 and self.scores:
            self._append(trainer, self.scores)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Note the loss; write the mean of ten steps."""
        self.losses.append(_loss(trainer, outputs))
        if len(self.losses) == self.EVERY * trainer.accumulate_grad_batches:
            self._append_loss(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the scores of a validation; a resumed log starts a new mean after it, too."""
        if self.losses:
            self._append_loss(trainer)
        if self.scores:
            self._append(trainer, self.scores)

    def _append_loss(self, trainer: Trainer) -> None:
        """Add a row with the mean loss since the last one."""
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        loss = sum(self.losses) / len(self.losses)
        self._append(trainer, {"learning_rate": float(f"{rate:.3e}"), "loss": float(f"{loss:.5g}")})
        self.losses.clear()

    def _append(self, trainer: Trainer, values: Mapping[str, Any]) -> None:
        """Add one row, and tell the loggers."""
        step, seconds = trainer.global_step, round(time.monotonic() - self.started, 1)
        with disk_errors(self.path), self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns).writerow(
                {"step": step, "seconds": seconds, **values}
            )
        for logger in trainer.loggers:
            logger.log_metrics(dict(values), step=step)


class Tell(Callback):
    """Keep ``progress`` up to date and tell it after every batch."""

    def __init__(self, progress: Progress, tell: Callable[[Progress], None]) -> None:
        self.progress = progress
        self.tell = tell

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Tell where the training stands."""
        loss = _loss(trainer, outputs)
        old = self.progress.loss
        self.progress.loss = loss if old != old else 0.95 * old + 0.05 * loss
        self.progress.step = trainer.global_step
        self.tell(self.progress)


def read_history(path: Path) -> list[dict[str, str]]:
    """Read the rows of a training log; none when there is no log yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if (row.get("step") or "").isdigit()]


def _loss(trainer: Trainer, outputs: Any) -> float:
    """Return the loss of a batch, which Lightning divides by the batches of a step."""
    return float(outputs["loss"]) * trainer.accumulate_grad_batches
