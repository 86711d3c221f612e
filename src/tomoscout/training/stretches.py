"""The stretches between validations: their seeds, their end, and the checkpoint after each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from tomoscout.data.module import EpochSampler
from tomoscout.io._atomic import disk_errors


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
