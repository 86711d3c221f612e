"""A linear layer on the pooled output of the backbone: the baseline, and the cheapest.

It knows no positions, and so what a piece shows but not where the piece lies: beyond what the
backbone's own receptive field sees.
"""

from __future__ import annotations

from jaxtyping import Float, Float32, Int
from torch import Tensor, nn

from tomoscout.classifiers._backbone import BackboneSettings, build_backbone
from tomoscout.core.geometry import Shape


class Settings(BackboneSettings):
    """What can be set about the classifier."""


class LinearHead(nn.Module):
    """Crops `(b, 1, z, y, x)` -> logits `(b, classes)`."""

    grid: Shape = (1, 1, 1)

    def __init__(self, settings: Settings, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.backbone = build_backbone(settings.backbone)
        self.divisor: Shape = self.backbone.divisor
        self.flat: bool = self.backbone.flat
        self.head = nn.Linear(self.backbone.features, classes)

    def forward(
        self, x: Float[Tensor, "b 1 z y x"], positions: Int[Tensor, "b 1"] | None = None
    ) -> Float32[Tensor, "b k"]:
        """Return the logits."""
        return self.decide(self.encode(x), positions)

    def encode(self, x: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b 1 f"]:
        """Return the one token of each crop: its pooled features."""
        return self.backbone(x)[:, None]

    def decide(
        self, tokens: Float[Tensor, "b 1 f"], positions: Int[Tensor, "b 1"] | None = None
    ) -> Float32[Tensor, "b k"]:
        """Return the logits; there is but one place."""
        return self.head(tokens[:, 0]).float()


def build(settings: Settings, classes: int) -> nn.Module:
    """Build the classifier with random weights."""
    return LinearHead(settings, classes)
