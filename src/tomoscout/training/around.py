"""What happens around the steps of every training, in an order that matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging

from tomoscout.core.settings import Settings
from tomoscout.data.module import EpochSampler
from tomoscout.training._folder import CHECKPOINT, HISTORY, is_first_process, start
from tomoscout.training._loggers import log_settings
from tomoscout.training.progress import History, Progress, Tell
from tomoscout.training.settings import TrainingSettings
from tomoscout.training.stretches import LastCheckpoint, SeedEpoch, ValidateLast


class Watch(Callback):
    """Gather what a module watches in its steps, such as a collapse, as means between checkpoints.

    Parameters
    ----------
    scores
        Where the means go.
    """

    def __init__(self, scores: dict[str, Any]) -> None:
        self.scores = scores

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the means for the log, and start new ones."""
        watched: list[dict[str, float]] = pl_module.watched  # type: ignore[assignment]
        for name in watched[0] if watched else ():
            mean = sum(values[name] for values in watched) / len(watched)
            self.scores[name] = float(f"{mean:.4g}")
        watched.clear()


def around(
    settings: TrainingSettings,
    *,
    folder: Path,
    device: torch.device,
    sampler: EpochSampler,
    columns: Sequence[str],
    scores: dict[str, Any],
    progress: Progress,
    tell: Callable[[Progress], None] | None,
    validating: Sequence[Callback] = (),
    averaging: Sequence[Callback] = (),
) -> list[Callback]:
    """Return the callbacks of a training.

    Parameters
    ----------
    settings
        The loop's settings.
    folder
        Where log and checkpoint go.
    device
        Where averaged weights are kept.
    sampler
        Says which items come next.
    columns
        Names in ``scores``: a column each in the log.
    scores
        What the last validation found; ``validating`` fills it.
    progress
        Where the training stands; kept up to date where there is someone to ``tell``.
    tell
        Called after every batch.
    validating
        What validates. It stands first: averaged weights are in place while it works.
    averaging
        What averages weights besides ``settings.ema``, and what is done to averaged weights.
    """
    callbacks: list[Callback] = list(validating)
    if settings.ema:
        callbacks.append(EMAWeightAveraging(device=device, decay=settings.ema_decay))
    callbacks += [
        *averaging,
        SeedEpoch(sampler, settings.per_epoch, settings.seed),
        ValidateLast(),
    ]
    if is_first_process():
        callbacks.append(History(folder / HISTORY, columns, scores))
        if tell:
            callbacks.append(Tell(progress, tell))
    callbacks.append(LastCheckpoint(folder / CHECKPOINT))
    return callbacks


def beginning(
    folder: Path, record: dict[str, Any], recipe: Settings, *, resume: Path | None, overwrite: bool
) -> Callable[[Trainer], None]:
    """Return what marks the folder, once all that can be checked is right, and tells the loggers.

    Parameters
    ----------
    folder, record
        The folder of a training, and what is noted there.
    recipe
        All settings.
    resume
        Checkpoint that the training goes on from, if any.
    overwrite
        Empty the folder first.
    """

    def begin(trainer: Trainer) -> None:
        if resume is None:
            start(folder, record, overwrite=overwrite)
        log_settings(trainer.loggers, recipe)

    return begin
