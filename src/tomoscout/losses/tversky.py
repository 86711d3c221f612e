"""Tversky loss: overlap that forgives false alarms less or more than misses.

Choose it with sphere targets; it needs no class weights because each object counts alike
however rare it is. Sums run over the whole batch, so an object absent from one patch does
not make that patch's ratio 0/0. Salehi et al., 2017, doi:10.1007/978-3-319-67389-9_44.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.settings import Settings as BaseSettings

ACTIVATION = "softmax"
TARGETS = ("spheres", "heatmaps")


class Settings(BaseSettings):
    """What can be set about the loss."""

    false_alarm: float = Field(default=0.3, ge=0)
    """Weight of false alarms (alpha)."""
    miss: float = Field(default=0.7, ge=0)
    """Weight of misses (beta); above ``false_alarm`` favours recall, as the challenge does."""
    background: bool = True
    """Whether background counts as one more object."""


class Tversky(nn.Module):
    """One minus the mean Tversky index over objects."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def forward(
        self, logits: Float[Tensor, "b c z y x"], target: Float[Tensor, "b o z y x"]
    ) -> Float[Tensor, ""]:
        """Return the loss; channel 0 of the logits is background, `c = o + 1`."""
        p = torch.softmax(logits.float(), dim=1)
        background = (1.0 - target.sum(dim=1, keepdim=True)).clamp(min=0.0)
        truth = torch.cat([background, target], dim=1)
        if not self.settings.background:
            p, truth = p[:, 1:], truth[:, 1:]
        over = (0, 2, 3, 4)
        hit = (p * truth).sum(over)
        false_alarm = (p * (1 - truth)).sum(over)
        miss = ((1 - p) * truth).sum(over)
        smooth = 1e-5  # keeps an absent object's index at 1 once it is predicted nowhere
        index = (hit + smooth) / (
            hit + self.settings.false_alarm * false_alarm + self.settings.miss * miss + smooth
        )
        return 1 - index.mean()


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return Tversky(settings)
