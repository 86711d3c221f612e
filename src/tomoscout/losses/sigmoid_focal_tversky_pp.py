"""Focal Tversky++ loss on sigmoid channels, one for each object and none for background.

The loss of the challenge's 6th place: objects do not compete for a cell, so targets may overlap,
and each object's scores keep a scale of their own. What the loss does otherwise is told in
`focal_tversky_pp`.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from tomoscout.losses._overlap import Overlap, SigmoidOverlapSettings

ACTIVATION = "sigmoid"
TARGETS = ("spheres", "heatmaps", "masks", "tokens")


class Settings(SigmoidOverlapSettings):
    """What can be set about the loss."""

    gamma: float = Field(default=2.0, ge=1)
    """Power of each cell's error; 1 makes it focal Tversky."""
    focus: float = Field(default=1.33, gt=0)
    """Power of one minus the index; above 1 works on poorly found classes first."""


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return Overlap(settings, weights, exponent=settings.focus, certainty=settings.gamma)
