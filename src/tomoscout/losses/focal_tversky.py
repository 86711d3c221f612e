"""Focal Tversky loss: each class's Tversky loss raised to a power.

With a power below 1, as published, classes that overlap well already keep a steep slope to the
end; above 1 the poorly found ones come first. Choose it where `tversky` stops short on small
particles. Abraham & Khan, 2018, arXiv:1810.07842.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from tomoscout.losses._overlap import Overlap, OverlapSettings

ACTIVATION = "softmax"
TARGETS = ("spheres", "heatmaps", "masks", "tokens")


class Settings(OverlapSettings):
    """What can be set about the loss."""

    gamma: float = Field(default=0.75, gt=0)
    """Power of one minus the index. The paper writes it as 1 / gamma, with gamma 4/3."""


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return Overlap(settings, weights, exponent=settings.gamma)
