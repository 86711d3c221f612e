"""The optimiser and its learning rate, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from tomoscout.training.schedule import schedule
from tomoscout.training.settings import TrainingSettings


def make_optimiser(
    parameters: Iterable[nn.Parameter],
    settings: TrainingSettings,
    *,
    factor: Callable[[], float] = lambda: 1.0,
) -> dict[str, Any]:
    """Return optimiser and schedule as Lightning takes them; norms and biases do not decay.

    Parameters
    ----------
    parameters
        What is trained.
    settings
        Which optimiser, how fast, how long.
    factor
        Asked at every step for what else the learning rate is multiplied by.
    """
    given = list(parameters)
    groups = [
        {"params": [p for p in given if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in given if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser: torch.optim.Optimizer
    if settings.optimizer == "sgd":
        rate = settings.learning_rate
        optimiser = torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
    else:
        kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.optimizer]
        optimiser = kind(groups, lr=settings.learning_rate)
    share = schedule(settings)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: share(step) * factor())
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
