"""Focal Tversky++ loss: an overlap that does not reward overconfidence.

Tversky losses drive scores to 0 or 1, which average badly over models and leave thresholds
nothing to choose. Here each cell's error is raised to a power first, so that small errors cost
little and scores stay graded. Yeung et al., 2022, doi:10.1007/s10278-022-00735-3. With sigmoid
channels, as the challenge's 6th place used it, see `sigmoid_focal_tversky_pp`.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from tomoscout.losses._overlap import Overlap, OverlapSettings

ACTIVATION = "softmax"
TARGETS = ("spheres", "heatmaps", "masks", "tokens")


class Settings(OverlapSettings):
    """What can be set about the loss."""

    gamma: float = Field(default=2.0, ge=1)
    """Power of each cell's error; 1 makes it focal Tversky."""
    focus: float = Field(default=1.33, gt=0)
    """Power of one minus the index; above 1 works on poorly found classes first."""


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return Overlap(settings, weights, exponent=settings.focus, certainty=settings.gamma)
