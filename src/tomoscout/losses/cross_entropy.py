"""Cross entropy against soft targets, with particles weighted far above background.

The loss of the challenge's winning segmentation nets: a particle is one cell among hundreds
of thousands, so its cells weigh 64 to 256 times as much as background, and the weighted sum is
divided by the number of cells. Targets may be soft (mixup, heatmaps): background is what the
objects leave over, and each cell sums to one.
"""

from __future__ import annotations

from torch import Tensor, nn

from tomoscout.losses._per_cell import CrossEntropySettings, PerCell

ACTIVATION = "softmax"
TARGETS = ("points", "spheres", "heatmaps", "masks", "tokens")
TAKES_UNKNOWN = True


class Settings(CrossEntropySettings):
    """What can be set about the loss."""


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return PerCell(settings, weights)
