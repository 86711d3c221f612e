"""Cross entropy against soft targets, with particles weighted far above background.

The loss of the challenge's winning segmentation nets: a particle is one cell among hundreds
of thousands, so its cells weigh 64 to 256 times as much as background. Targets may be soft
(mixup, heatmaps): background is what the objects leave over, and each cell sums to one, so two
objects at one place share it instead of one silently winning.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.settings import Settings as BaseSettings

ACTIVATION = "softmax"
TARGETS = ("points", "spheres", "heatmaps")


class Settings(BaseSettings):
    """What can be set about the loss."""

    object_weight: float = Field(default=64.0, gt=0)
    """Weight of each object's cells, background being 1."""


class CrossEntropy(nn.Module):
    """Sum over classes of the weighted mean of ``-target * log(probability)``."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.object_weight = settings.object_weight

    def forward(
        self, logits: Float[Tensor, "b c z y x"], target: Float[Tensor, "b o z y x"]
    ) -> Float[Tensor, ""]:
        """Return the loss; channel 0 of the logits is background, `c = o + 1`."""
        log_p = torch.log_softmax(logits.float(), dim=1)
        total = target.sum(dim=1, keepdim=True)
        objects = target / total.clamp(min=1.0)
        background = (1.0 - total).clamp(min=0.0)
        cells = background * log_p[:, :1] + self.object_weight * (objects * log_p[:, 1:]).sum(
            dim=1, keepdim=True
        )
        return -cells.mean()


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return CrossEntropy(settings)
