"""Focal loss: cross entropy in which cells that are nearly right count next to nothing.

Most cells are background and soon known to be; the loss leaves them alone and works on the rest,
so that class weights can be milder than those of `cross_entropy`. Choose it where false alarms on
look-alikes are the trouble. Class weights stand outside the discount and labels are not smoothed,
as either would keep it from ever taking hold. Lin et al., 2017, arXiv:1708.02002.
"""

from __future__ import annotations

from torch import Tensor, nn

from tomoscout.losses._per_cell import FocalSettings, PerCell

ACTIVATION = "softmax"
TARGETS = ("points", "spheres", "heatmaps", "masks", "tokens")
TAKES_UNKNOWN = True


class Settings(FocalSettings):
    """What can be set about the loss."""


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return PerCell(settings, weights)
