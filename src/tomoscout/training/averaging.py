"""Weights averaged evenly over the last part of a training (SWA).

The mean of weights along the way lies nearer the middle of a flat valley than its last point.
Choose it with a learning rate that stays up while it averages; with one that falls to zero an
exponential average (``training.ema``) does the same for less. Izmailov et al., 2018,
arXiv:1803.05407.

Statistics of batch norms belong to the weights they were seen with and cannot be averaged:
``norms.FreshNorms`` must stand behind it.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging


class EvenAveraging(WeightAveraging):
    """Average weights evenly from a step on; before it the weights are left as they are.

    Parameters
    ----------
    start
        Steps before the first that is averaged.
    device
        Where the average is kept.
    """

    def __init__(self, start: int, *, device: torch.device) -> None:
        super().__init__(device=device, use_buffers=False)
        self.start = start

    @property
    def has_begun(self) -> bool:
        """Whether there is an average yet."""
        return self._average_model is not None and bool(self._average_model.n_averaged)

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Average after every step from the first one on."""
        return step_idx is not None and step_idx >= self.start

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the averaged weights in place."""
        if self.has_begun:
            super().on_validation_epoch_start(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the weights that are trained."""
        if self.has_begun:
            super().on_validation_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the averaged weights in place."""
        if self.has_begun:
            super().on_train_end(trainer, pl_module)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Save the averaged weights as the checkpoint's own, where there are any."""
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if not self.has_begun:
            checkpoint["state_dict"] = checkpoint["current_model_state"]
