"""The settings of the training loop: how long, how fast, how averaged, how checked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tomoscout.core.settings import Settings

_DETECTORS_ONLY = (
    "level_weights", "gradnorm", "mixup", "cutmix", "patience", "specialists", "threshold_spread",
    "keep", "swa", "compile",
)  # fmt: skip


class TrainingSettings(Settings):
    """The loop: how long, how fast, how checked. A step is one of the optimiser."""

    steps: int = Field(default=900, ge=1)
    """Optimiser steps in all."""
    batch_size: int = Field(default=4, ge=1)
    """Patches per batch and device."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients make one step: as good as a larger batch, where memory is short."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Highest learning rate."""
    weight_decay: float = Field(default=1e-2, ge=0)
    """Of the optimiser; norms and biases do not decay."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """``adamw`` keeps the decay apart from the gradient, ``adam`` adds it to it; ``sgd`` has a
    momentum of 0.9 after Nesterov, and wants learning rates that are larger by far."""
    schedule: Literal["cosine", "constant", "halving", "plateau"] = "cosine"
    """``cosine`` falls to zero, ``halving`` drops to a half at half time, ``constant`` stays,
    ``plateau`` drops when the validation score no longer rises."""
    plateau_patience: int = Field(default=10, ge=0)
    """Validations without a better score before ``plateau`` drops."""
    plateau_factor: float = Field(default=0.5, gt=0, lt=1)
    """What ``plateau`` multiplies the learning rate by."""
    warmup: int = Field(default=30, ge=0)
    """Steps over which the learning rate first rises."""
    clip: float = Field(default=1.0, ge=0)
    """Largest norm of a step's gradient; 0 does not clip."""
    ema: float = Field(default=0.99, ge=0, lt=1)
    """Share the averaged weights keep at each step, at most (``ema_decay``); these are validated
    and saved. 0 averages nothing."""
    swa: float = Field(default=0.0, ge=0, lt=1)
    """Share of the training after which weights are averaged evenly, instead of with ``ema``; 0
    does not."""
    swa_learning_rate: float = Field(default=0.0, ge=0)
    """Learning rate while weights are averaged evenly; 0 keeps that of the schedule."""
    level_weights: tuple[float, ...] = ()
    """Weights of the network's outputs, fine to coarse; all alike when empty."""
    gradnorm: float = Field(default=0.0, ge=0)
    """Learning rate by which the parts of a loss are balanced; 0 adds them as the loss says."""
    gradnorm_alpha: float = Field(default=1.5, ge=0)
    """How strongly parts that learn slower than others are favoured."""
    mixup: float = Field(default=0.0, ge=0)
    """Parameter of the Beta distribution two patches are mixed by; 0 mixes nothing."""
    mixup_probability: float = Field(default=1.0, ge=0, le=1)
    """Chance that a batch is mixed so."""
    cutmix: float = Field(default=0.0, ge=0, le=1)
    """Chance that boxes of patches are pasted into others instead."""
    validate_every: int = Field(default=100, ge=1)
    """Steps between validations, each of which also writes a checkpoint to resume from."""
    patience: int = Field(default=0, ge=0)
    """Validations without a better score before the training stops; 0 never stops early."""
    keep: Literal["best", "last"] = "best"
    """Which weights are kept: those that score best on the validation runs, or the last."""
    specialists: bool = False
    """Also keep the weights that score best on each object, in ``specialists/``."""
    threshold_spread: float = Field(default=0.4, ge=0)
    """By what factor (standard deviation of its logarithm) scores of other tomograms are expected
    to be off: thresholds are chosen to hold up to it. 0 takes the validation runs' own best."""
    seed: int = Field(default=0, ge=0, lt=1 << 32)
    """Of weights, patches and augmentation."""
    bf16: bool = True
    """Compute in bfloat16 where the machine is fast at it."""
    compile: bool = False
    """Compile the network with torch.compile: slow to start, faster on a GPU."""
    workers: int = Field(default=0, ge=0)
    """Processes that cut patches beside the training; worth it on a GPU."""
    devices: int = Field(default=1, ge=1)
    """GPUs (or CPU processes) of each machine that share a step."""
    nodes: int = Field(default=1, ge=1)
    """Machines that share a step; each runs the same command."""
    logger: Literal["csv", "tensorboard", "wandb", "mlflow"] = "csv"
    """An extra log beside ``history.csv``, which is always written."""

    def check_for_crops(self) -> None:
        """Refuse settings that only trainings of detectors know.

        Raises
        ------
        ValueError
            If one of them is set.
        """
        for name in _DETECTORS_ONLY:
            if getattr(self, name) != TrainingSettings.model_fields[name].default:
                raise ValueError(f"training.{name} is for detectors: leave it out")
        if self.schedule == "plateau":
            raise ValueError("training.schedule plateau is for detectors: choose another")

    @property
    def ema_decay(self) -> float:
        """Share that averaged weights keep: ``ema``, or less in a short training.

        The average reaches over a tenth of the steps at most. One that still holds the weights of
        the start, where batch norms have seen others, answers every patch alike.
        """
        return min(self.ema, max(1 - 10 / self.steps, 0.0))

    @property
    def per_epoch(self) -> int:
        """Steps between validations, where the training is as long as that."""
        return min(self.validate_every, self.steps)

    @property
    def batches(self) -> int:
        """Batches between validations, of each process."""
        return self.per_epoch * self.accumulate

    @property
    def processes(self) -> int:
        """Processes that share a step."""
        return self.devices * self.nodes

    @property
    def swa_start(self) -> int:
        """Steps after which weights are averaged evenly."""
        return int(self.swa * self.steps)

    @model_validator(mode="after")
    def _fit_together(self) -> TrainingSettings:
        if self.ema and self.swa:
            raise ValueError(
                f"training.ema {self.ema:g} and training.swa {self.swa:g} average twice: "
                "set one of them to 0"
            )
        if self.gradnorm and self.compile:
            raise ValueError(
                "training.gradnorm looks into the network's gradients, which training.compile "
                "hides: set one of them to 0 or false"
            )
        if self.level_weights and (min(self.level_weights) < 0 or not any(self.level_weights)):
            raise ValueError(
                f"training.level_weights {self.level_weights}: weights of 0 or above are needed, "
                "one of them at least above 0"
            )
        return self
