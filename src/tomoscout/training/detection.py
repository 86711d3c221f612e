"""The supervised loop's inner part: network, loss, optimiser and schedule as a Lightning module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from tomoscout.training.gradnorm import GradNorm, last_layers
from tomoscout.training.optimiser import make_optimiser
from tomoscout.training.settings import TrainingSettings


class DetectionModule(LightningModule):
    """Trains a network on patches and targets.

    Parameters
    ----------
    network
        Keeps the contract of ``models``.
    loss
        Keeps the contract of ``losses``; a sum of parts where these are to be balanced.
    settings
        The loop's settings.
    """

    def __init__(self, network: nn.Module, loss: nn.Module, settings: TrainingSettings) -> None:
        super().__init__()
        self.network = network
        self.loss: Any = loss
        self.settings = settings
        self.plateau_share = 1.0
        self._balance: GradNorm | None = None
        if settings.gradnorm:
            self._balance = GradNorm(
                learning_rate=settings.gradnorm,
                alpha=settings.gradnorm_alpha,
                accumulate=settings.accumulate,
            )
        # In a tuple it is no submodule: the names of the weights stay as they are.
        self._compiled: tuple[Any, ...] = ()

    def on_train_start(self) -> None:
        """Compile the network where that is asked for; validation takes it as it is."""
        if self.settings.compile:
            self._compiled = (torch.compile(self.network),)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of one batch, summed over the network's outputs that count."""
        image = batch["image"].to(memory_format=torch.channels_last_3d)
        outputs = (self._compiled or (self.network,))[0](image)
        weights = self.settings.level_weights or (1.0 / len(outputs),) * len(outputs)
        levels = [
            (weight, logits.float(), _at(batch["target"], logits))
            for logits, weight in zip(outputs, weights, strict=True)
            if weight
        ]
        if self._balance is None:
            terms = [weight * self.loss(logits, target) for weight, logits, target in levels]
            return torch.stack(terms).sum()
        return self._balance.total(self._parts(levels), last_layers([x for _, x, _ in levels]))

    def _parts(self, levels: Sequence[tuple[float, Tensor, Tensor]]) -> list[Tensor]:
        """Return the parts of the loss, each summed over the outputs."""
        weights = torch.tensor([weight for weight, _, _ in levels])
        parts = [self.loss.parts(logits, target) for _, logits, target in levels]
        return [
            (weights.to(part[0].device) * torch.stack(part)).sum()
            for part in zip(*parts, strict=True)
        ]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Do nothing: whole runs are validated by the callback ``ValidateRuns``."""

    def configure_optimizers(self) -> Any:
        """Return the optimiser, with the schedule applied at every step."""
        return make_optimiser(
            self.network.parameters(), self.settings, factor=lambda: self.plateau_share
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the balance of the loss's parts."""
        if self._balance is not None:
            checkpoint["gradnorm"] = self._balance.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the balance of the loss's parts."""
        if self._balance is not None:
            self._balance.load_state_dict(checkpoint["gradnorm"], self.device)


def _at(target: Tensor, logits: Tensor) -> Tensor:
    """Bring a target to a coarser output by its highest cell: a particle must not fade."""
    size = logits.shape[2:]
    if target.shape[2:] == size:
        return target
    return torch.nn.functional.adaptive_max_pool3d(target, list(size))
