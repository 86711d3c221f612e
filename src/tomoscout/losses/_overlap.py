"""Losses that judge each class by its overlap: one minus the Tversky index, and its kin.

The index is hits / (hits + a * false alarms + b * misses), with ``smooth`` added above and below.
One minus it is computed as errors / (hits + errors + smooth), which stays exact near zero.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.settings import Settings
from tomoscout.losses._classes import Weights, with_background


class SigmoidOverlapSettings(Settings):
    """What can be set about an overlap of objects that each have a channel of their own."""

    false_alarm: float = Field(default=0.3, ge=0)
    """Weight of false alarms (alpha)."""
    miss: float = Field(default=0.7, ge=0)
    """Weight of misses (beta); above ``false_alarm`` favours recall, as the challenge does."""
    over: Literal["batch", "sample"] = "batch"
    """What hits and errors are summed over before they are divided. With ``sample`` a patch that
    an object is absent from counts the object's index as nearly 0 unless it is predicted nowhere
    there, and the patches' losses are averaged."""
    smooth: float = Field(default=1e-5, gt=0)
    """Hits given for free, so that an absent object that is predicted nowhere costs nothing."""
    weighing: Literal["mean", "product"] = "mean"
    """How class weights enter: ``mean`` is the classes' weighted mean, between 0 and 1;
    ``product`` multiplies by the weights and divides by the number of classes. Alone they differ
    by a factor only; beside another loss ``product`` also shifts the balance."""
    agreement: Literal["product", "lesser"] = "product"
    """How much a cell with a soft truth is hit: the ``product`` of truth and prediction pulls
    predictions to 0 or 1; the ``lesser`` of both is best where they are equal, for mixup and
    heatmaps (Wang et al., 2023, arXiv:2303.16296). Hard truths make no difference."""


class OverlapSettings(SigmoidOverlapSettings):
    """What can be set about an overlap."""

    background: bool = True
    """Whether background counts as one more object."""


class Overlap(nn.Module):
    """Mean over classes of ``(1 - index) ** exponent``.

    Parameters
    ----------
    settings
        Weights of the errors, and what is summed.
    weights
        One per channel, or None.
    exponent
        Of each class's loss; below 1 raises the slope of classes that are nearly right.
    certainty
        Exponent of each cell's error; above 1 discounts small errors.
    """

    def __init__(
        self,
        settings: SigmoidOverlapSettings,
        weights: Tensor | None,
        *,
        exponent: float = 1.0,
        certainty: float = 1.0,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.weights = Weights(weights)
        self.exponent = exponent
        self.certainty = certainty

    def forward(
        self, logits: Float[Tensor, "b c z y x"], target: Float[Tensor, "b o z y x"]
    ) -> Float[Tensor, ""]:
        """Return the loss; with softmax channel 0 of the logits is background, `c = o + 1`."""
        weights = self.weights(logits)
        if isinstance(self.settings, OverlapSettings):
            p, truth = torch.softmax(logits.float(), dim=1), with_background(target)
            if not self.settings.background:
                p, truth, weights = p[:, 1:], truth[:, 1:], weights[1:]
        else:
            p, truth = torch.sigmoid(logits.float()), target.float()
        loss = self._misfit(p, truth)
        if self.exponent != 1:
            loss = loss.clamp(min=1e-7) ** self.exponent  # its slope at 0 may be infinite
        if self.settings.weighing == "product":
            return (loss * weights).mean()
        return (loss.mean(dim=0) * weights).sum() / weights.sum().clamp(min=1e-6)

    def _misfit(
        self, p: Float[Tensor, "b c z y x"], truth: Float[Tensor, "b c z y x"]
    ) -> Float[Tensor, "s c"]:
        """One minus the index of each class, of each sample or once for all."""
        if self.settings.agreement == "product":
            hit, false_alarm, miss = p * truth, p * (1 - truth), (1 - p) * truth
        else:
            hit = torch.minimum(p, truth)
            false_alarm, miss = (p - truth).relu(), (truth - p).relu()
        if self.certainty != 1:
            false_alarm, miss = false_alarm**self.certainty, miss**self.certainty
        over = (0, 2, 3, 4) if self.settings.over == "batch" else (2, 3, 4)
        hits = hit.sum(over)
        errors = self.settings.false_alarm * false_alarm.sum(over)
        errors = errors + self.settings.miss * miss.sum(over)
        misfit = errors / (hits + errors + self.settings.smooth)
        return misfit.reshape(-1, p.shape[1])
