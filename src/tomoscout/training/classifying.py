"""The classifier's loop: its inner part as a Lightning module, and validation on held-out runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from tomoscout.data.labelled import HeldOut
from tomoscout.ops.precision import autocast
from tomoscout.training.optimiser import make_optimiser
from tomoscout.training.progress import Progress
from tomoscout.training.settings import TrainingSettings

PREFIX = "held_out_"
"""What the names of figures on held-out runs begin with, in the log."""


class ClassifyModule(LightningModule):
    """Teaches a classifier a lesson.

    Parameters
    ----------
    classifier
        Keeps the contract of ``classifiers``.
    lesson
        Keeps the contract of ``lessons``.
    settings
        The loop's settings.
    """

    def __init__(
        self, classifier: nn.Module, lesson: nn.Module, settings: TrainingSettings
    ) -> None:
        super().__init__()
        self.network: Any = classifier
        self.lesson: Any = lesson
        self.settings = settings
        self.watched: list[dict[str, float]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the lesson's loss on a batch; its terms are watched."""
        crops = batch["crops"].to(memory_format=torch.channels_last_3d)
        told: dict[str, Tensor] = self.lesson(self.network, crops, batch["labels"], batch["keys"])
        loss = told.pop("loss")
        self.watched.append({name: float(value.detach()) for name, value in told.items()})
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Do nothing: held-out runs are the business of a callback."""

    def configure_optimizers(self) -> Any:
        """Return the optimiser of the classifier."""
        return make_optimiser(self.parameters(), self.settings)


@dataclass(frozen=True, eq=False)
class Examined:
    """How a classifier did on held-out crops.

    Attributes
    ----------
    confusion
        Crops of each class (rows) that were taken for each class (columns).
    terms
        Means of what the lesson tells.
    classes
        Names of the classes.
    """

    confusion: Int[np.ndarray, "k k"]
    terms: dict[str, float]
    classes: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of crops that were taken for what they are."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def recalls(self) -> dict[str, float]:
        """The same for each class that occurs."""
        rows = zip(self.classes, self.confusion, range(len(self.classes)), strict=True)
        return {name: float(row[k] / row.sum()) for name, row, k in rows if row.sum()}

    @property
    def balanced(self) -> float:
        """Its mean over classes: all count alike, however many crops they have."""
        return float(np.mean(list(self.recalls.values())))

    def facts(self) -> dict[str, float]:
        """Return what the card keeps: accuracy, balanced accuracy, and the recall of each class."""
        found = {"accuracy": self.accuracy, "balanced": self.balanced, **self.recalls}
        return {name: round(value, 4) for name, value in found.items()}


@torch.no_grad()
def examine(
    network: Any,
    lesson: Any,
    held_out: HeldOut,
    *,
    classes: Sequence[str],
    batch: int,
    device: torch.device,
    bf16: bool,
) -> Examined:
    """Let a classifier in use look at held-out crops, the same ones each time.

    Parameters
    ----------
    network
        The classifier, on its device.
    lesson
        Tells its terms as well; crops keep their keys, and so the orders of their puzzles.
    held_out
        The crops.
    classes
        Names of the classes.
    batch
        Crops at a time.
    device, bf16
        Where and how to compute.
    """
    training = network.training
    network.eval()
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    sums: dict[str, float] = {}
    for crops in held_out.batches(batch):
        x, labels = crops["crops"].to(device), crops["labels"].to(device)
        with autocast(device, bf16):
            found = network(x).argmax(dim=1)
            told = lesson(network, x, labels, crops["keys"].to(device))
        np.add.at(confusion, (labels.cpu().numpy(), found.cpu().numpy()), 1)
        for name, value in told.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(labels)
    network.train(training)
    terms = {name: total / len(held_out) for name, total in sums.items()}
    return Examined(confusion, terms, tuple(classes))


class ValidateCrops(Callback):
    """Examine the averaged weights on held-out runs; stands before what averages.

    Parameters
    ----------
    held_out
        The crops.
    classes
        Names of the classes.
    scores
        Where the figures go.
    progress
        Told the accuracy.
    """

    def __init__(
        self, held_out: HeldOut, classes: Sequence[str], scores: dict[str, Any], progress: Progress
    ) -> None:
        self.held_out = held_out
        self.classes = list(classes)
        self.scores = scores
        self.progress = progress

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Examine, and leave the figures for the log."""
        module: Any = pl_module
        found = examine(
            module.network,
            module.lesson,
            self.held_out,
            classes=self.classes,
            batch=module.settings.batch_size,
            device=module.device,
            bf16=module.settings.bf16,
        )
        told = found.terms | {"accuracy": found.accuracy, "balanced": found.balanced}
        self.scores.update({PREFIX + name: float(f"{v:.4g}") for name, v in told.items()})
        self.progress.accuracy = found.accuracy
