"""Focal loss and Tversky loss together, one to one.

As `cross_entropy_tversky`, but background that is known already does not drown what is left to
learn. Choose it where objects are few and the background is full of look-alikes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeFloat
from torch import Tensor, nn

from tomoscout.losses._overlap import Overlap, OverlapSettings
from tomoscout.losses._per_cell import FocalSettings, PerCell
from tomoscout.losses._sum import Sum

ACTIVATION = "softmax"
TARGETS = ("spheres", "heatmaps", "masks", "tokens")


class Settings(FocalSettings, OverlapSettings):
    """What can be set about the loss: what can be set about either, and their shares."""

    shares: tuple[NonNegativeFloat, NonNegativeFloat] = (1.0, 1.0)
    """What focal and Tversky loss are multiplied by."""
    reduction: Literal["cells", "weights"] = "weights"
    """What the focal loss's sum is divided by: the number of ``cells``, or the sum of their
    ``weights``."""


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return Sum([PerCell(settings, weights), Overlap(settings, weights)], settings.shares)
