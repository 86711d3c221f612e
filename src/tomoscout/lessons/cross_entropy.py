"""Say what each crop holds: the plain lesson, for every classifier."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.lessons._accuracy import accuracy

TERMS = ("accuracy",)


class Settings(BaseSettings):
    """What can be set about the lesson."""

    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the truth that is spread evenly over all classes."""


class CrossEntropy(nn.Module):
    """Cross entropy of the labels."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def forward(
        self,
        classifier: Any,
        crops: Float[Tensor, "b 1 z y x"],
        labels: Int[Tensor, " b"],
        keys: Int[Tensor, "b n"],
    ) -> dict[str, Tensor]:
        """Return the loss and the share of right answers."""
        logits = classifier(crops)
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=self.settings.smoothing)
        return {"loss": loss, "accuracy": accuracy(logits, labels)}


def build(settings: Settings, *, seed: int) -> nn.Module:
    """Build the lesson; nothing in it is random."""
    return CrossEntropy(settings)
