"""Cross entropy and Tversky loss together, two to one.

Cross entropy gives every cell a slope from the first step on, Tversky loss makes rare objects
count as much as common ones; most nets of the challenge that were trained on spheres used some
such pair. Both are means over the weights they are given, so class weights do not shift the
balance between them. Let GradNorm find the shares where training is long enough.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn

from tomoscout.losses._overlap import Overlap, OverlapSettings
from tomoscout.losses._per_cell import CrossEntropySettings, PerCell
from tomoscout.losses._sum import Sum

ACTIVATION = "softmax"
TARGETS = ("spheres", "heatmaps", "masks", "tokens")


class Settings(CrossEntropySettings, OverlapSettings):
    """What can be set about the loss: what can be set about either, and their shares."""

    shares: tuple[NonNegativeFloat, NonNegativeFloat] = (2.0, 1.0)
    """What cross entropy and Tversky loss are multiplied by."""
    object_weight: float = Field(default=10.0, gt=0)
    """Weight of each object's cells in the cross entropy, background being 1, unless class weights
    are given; those count in both."""
    reduction: Literal["cells", "weights"] = "weights"
    """What the cross entropy's sum is divided by: the number of ``cells``, or the sum of their
    ``weights``."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of each cell's truth that the cross entropy spreads evenly over all classes."""


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return Sum([PerCell(settings, weights), Overlap(settings, weights)], settings.shares)
