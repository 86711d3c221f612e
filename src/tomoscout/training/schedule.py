"""The learning rate, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable

from tomoscout.training.settings import TrainingSettings


def schedule(settings: TrainingSettings) -> Callable[[int], float]:
    """Return the learning rate, as a share of the highest, by step.

    What ``plateau`` takes off depends on scores and is not in it: see ``patience``.
    """

    def share(step: int) -> float:
        if step < settings.warmup:
            return (step + 1) / (settings.warmup + 1)
        if settings.swa and settings.swa_learning_rate and step >= settings.swa_start:
            return settings.swa_learning_rate / settings.learning_rate
        done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
        if settings.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        if settings.schedule == "halving":
            return 1.0 if done < 0.5 else 0.5
        return 1.0

    return share
