"""The supervised loop's inner part: network, loss, optimiser and schedule as a Lightning module."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from tomoscout.training.recipe import TrainingSettings


class DetectionModule(LightningModule):
    """Trains a network on patches and targets.

    Parameters
    ----------
    network
        Keeps the contract of ``models``.
    loss
        Keeps the contract of ``losses``.
    settings
        The loop's settings.
    """

    def __init__(self, network: nn.Module, loss: nn.Module, settings: TrainingSettings) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.settings = settings

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of one batch, summed over the network's outputs."""
        image = batch["image"].to(memory_format=torch.channels_last_3d)
        outputs = self.network(image)
        weights = self.settings.level_weights or (1.0 / len(outputs),) * len(outputs)
        total = torch.zeros((), device=image.device)
        for logits, weight in zip(outputs, weights, strict=True):
            total = total + weight * self.loss(logits.float(), _at(batch["target"], logits))
        return total

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Do nothing: whole runs are validated by the callback ``ValidateRuns``."""

    def configure_optimizers(self) -> Any:
        """AdamW, with the schedule applied at every step; norms and biases do not decay."""
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": self.settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.settings.learning_rate)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(self.settings))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def schedule(settings: TrainingSettings) -> Callable[[int], float]:
    """Return the learning rate, as a share of the highest, by step."""

    def share(step: int) -> float:
        if step < settings.warmup:
            return (step + 1) / (settings.warmup + 1)
        done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
        if settings.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        if settings.schedule == "halving":
            return 1.0 if done < 0.5 else 0.5
        return 1.0

    return share


def _at(target: Tensor, logits: Tensor) -> Tensor:
    """Bring a target to a coarser output by its highest cell: a particle must not fade."""
    size = logits.shape[2:]
    if target.shape[2:] == size:
        return target
    return torch.nn.functional.adaptive_max_pool3d(target, list(size))
