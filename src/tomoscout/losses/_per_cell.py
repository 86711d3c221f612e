"""Losses that judge each cell on its own: cross entropy, and focal loss, its modulated form."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.settings import Settings
from tomoscout.losses._classes import Weights, with_background


class PerCellSettings(Settings):
    """What can be set about a loss per cell."""

    object_weight: float = Field(default=64.0, gt=0)
    """Weight of each object's cells, background being 1, unless class weights are given."""
    reduction: Literal["cells", "weights"] = "cells"
    """What the sum is divided by: the number of ``cells``, or the sum of their ``weights``, which
    makes the loss independent of how large the weights are as a whole."""


class CrossEntropySettings(PerCellSettings):
    """What can be set about cross entropy."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each cell's truth that is spread evenly over all classes."""
    smoothing_weight: Literal["cell", "class"] = "cell"
    """Whose weight the spread share has: the ``cell``'s own, or that of the ``class`` it is spread
    to, as in PyTorch. The latter, with objects ten times as heavy as background, teaches that
    every other cell of empty background is an object."""


class FocalSettings(PerCellSettings):
    """What can be set about focal loss."""

    object_weight: float = Field(default=10.0, gt=0)
    """Weight of each object's cells, background being 1, unless class weights are given."""
    gamma: float = Field(default=2.0, ge=0)
    """How strongly cells that are nearly right already are discounted; 0 is cross entropy."""


class PerCell(nn.Module):
    """Sum over classes of ``-weight * truth * (1 - p) ** gamma * log(p)``, averaged over cells.

    Cells whose truth is NaN weigh nothing.

    Parameters
    ----------
    settings
        Weight of objects, and what the sum is divided by.
    weights
        One per channel, or None.
    """

    def __init__(self, settings: PerCellSettings, weights: Tensor | None) -> None:
        super().__init__()
        self.settings = settings
        self.weights = Weights(weights, objects=settings.object_weight)

    def forward(
        self, logits: Float[Tensor, "b c z y x"], target: Float[Tensor, "b o z y x"]
    ) -> Float[Tensor, ""]:
        """Return the loss; channel 0 of the logits is background, `c = o + 1`."""
        settings = self.settings
        log_p = torch.log_softmax(logits.float(), dim=1)
        weights = self.weights(logits).view(-1, 1, 1, 1)
        unknown = target.isnan().any(dim=1, keepdim=True)
        if unknown.any():  # rarely: a weight for each cell is as large as the logits
            weights, target = weights * ~unknown, target.nan_to_num(0.0)
        asked = weights * with_background(target)
        counted = asked.sum()
        if isinstance(settings, CrossEntropySettings) and settings.label_smoothing:
            asked = self._smooth(asked, weights, settings)
        surprise = asked * log_p
        if isinstance(settings, FocalSettings) and settings.gamma:
            # The floor keeps the slope finite where a cell is right and gamma is below 1.
            surprise = surprise * (-torch.expm1(log_p)).clamp(min=1e-6) ** settings.gamma
        if settings.reduction == "cells":
            return -surprise.sum(dim=1).mean()
        # Where no cell counts there is nothing to learn.
        return -surprise.sum() * (counted > 0) / counted.clamp(min=1e-6)

    @staticmethod
    def _smooth(
        asked: Float[Tensor, "b c z y x"],
        weights: Float[Tensor, "... c i j k"],
        settings: CrossEntropySettings,
    ) -> Float[Tensor, "b c z y x"]:
        """Spread a share of the weighted truth over all classes."""
        share = settings.label_smoothing
        spread = weights if settings.smoothing_weight == "class" else asked.sum(1, keepdim=True)
        return (1 - share) * asked + share * spread / asked.shape[1]
