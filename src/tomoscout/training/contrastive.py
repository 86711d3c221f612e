"""The contrastive loop's inner part: encoder, objective and optimiser as a Lightning module."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from tomoscout.training.optimiser import make_optimiser
from tomoscout.training.settings import TrainingSettings


class ContrastiveModule(LightningModule):
    """Trains an encoder on pairs of views.

    Parameters
    ----------
    encoder
        Keeps the contract of ``encoders``.
    objective
        Keeps the contract of ``objectives``.
    settings
        The loop's settings.
    """

    def __init__(
        self, encoder: nn.Module, objective: nn.Module, settings: TrainingSettings
    ) -> None:
        super().__init__()
        self.network: Any = encoder
        self.objective: Any = objective
        self.settings = settings
        self.watched: list[dict[str, float]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the objective of a batch; both views go through the encoder together."""
        views = batch["views"].flatten(0, 1).to(memory_format=torch.channels_last_3d)
        first, second = self.network.project(self.network(views)).float().chunk(2)
        self.watched.append(self.objective.watch(first.detach(), second.detach()))
        total: Tensor = self.objective(
            first, second, conflict=batch["conflict"], labels=batch["labels"]
        )
        return total

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Do nothing: what there is to know without labels is watched while training."""

    def configure_optimizers(self) -> Any:
        """Return the optimiser of the encoder, and of the objective's own weights."""
        return make_optimiser(self.parameters(), self.settings)
