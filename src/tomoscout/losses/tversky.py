"""Tversky loss: overlap that forgives false alarms less or more than misses.

Choose it with sphere targets; it needs no class weights because each object counts alike
however rare it is. Sums run over the whole batch unless set otherwise, so an object absent from
one patch does not make that patch's ratio 0/0. Salehi et al., 2017,
doi:10.1007/978-3-319-67389-9_44.
"""

from __future__ import annotations

from torch import Tensor, nn

from tomoscout.losses._overlap import Overlap, OverlapSettings

ACTIVATION = "softmax"
TARGETS = ("spheres", "heatmaps", "masks", "tokens")


class Settings(OverlapSettings):
    """What can be set about the loss."""


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return Overlap(settings, weights)
