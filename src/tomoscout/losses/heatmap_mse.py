"""Squared error against Gaussian heatmaps, with the rare cells of the bumps raised.

The loss of the challenge's 4th place, which trained on heatmaps with a channel for each object.
They put it on the network's raw outputs; here it is on their sigmoids, because scores are
probabilities everywhere else (thresholds, averaging, pickers) and a bump never leaves 0 to 1.
Uchida & Fukui, 2025, arXiv:2502.13484.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.losses._classes import Weights

ACTIVATION = "sigmoid"
TARGETS = ("heatmaps",)
_CELLS = (0, 2, 3, 4)


class Settings(BaseSettings):
    """What can be set about the loss."""

    mode: Literal["balanced", "weighted"] = "balanced"
    """``balanced``: for each object the mean over its bumps plus the mean over all else, which
    learned faster and needs no tuning; ``weighted``: errors times ``truth + floor``."""
    floor: float = Field(default=0.1, gt=0)
    """Weight of cells without a bump, against 1 at its top; of ``weighted`` only."""


class HeatmapMSE(nn.Module):
    """Weighted mean over objects of the squared errors of their probabilities.

    Parameters
    ----------
    settings
        How bumps are raised above the rest.
    weights
        One per channel, or None.
    """

    def __init__(self, settings: Settings, weights: Tensor | None) -> None:
        super().__init__()
        self.settings = settings
        self.weights = Weights(weights)

    def forward(
        self, logits: Float[Tensor, "b o z y x"], target: Float[Tensor, "b o z y x"]
    ) -> Float[Tensor, ""]:
        """Return the loss; every channel is an object. Sums run over the whole batch."""
        truth = target.float()
        error = (torch.sigmoid(logits.float()) - truth) ** 2
        weights = self.weights(logits)
        if self.settings.mode == "weighted":
            per_object = (error * (truth + self.settings.floor)).mean(_CELLS)
        else:
            bump = (truth > 0).float()
            # An object without a bump in the batch has no such cells, and no such errors.
            inside = (error * bump).sum(_CELLS) / bump.sum(_CELLS).clamp(min=1)
            outside = (error * (1 - bump)).sum(_CELLS) / (1 - bump).sum(_CELLS).clamp(min=1)
            per_object = inside + outside
        return (per_object * weights).sum() / weights.sum().clamp(min=1e-6)


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return HeatmapMSE(settings, weights)
