"""Centres and sizes of discs, for detectors that work in slices.

Centres: the penalty-reduced focal loss of CenterNet (Zhou et al., 2019, arXiv:1904.07850). A disc's
top should be found; near it, finding costs the less the higher the target; elsewhere it is a false
alarm, and cells already settled hardly count. Tops are the cells of the target that none of their
eight neighbours in the slice exceeds. A top counts as much as its disc is large (and, mixed, as
much as it is there), so that a thin cap is half a centre instead of a coin toss. Size: binary cross
entropy in the 3 x 3 cells around each top, whatever the object.

Both are sums over cells, divided by the sum of the tops, as in CenterNet. Cells on a patch's edge
are no tops: the axis of their disc may lie beyond.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, max_pool3d

from tomoscout.core.settings import Settings as BaseSettings

ACTIVATION = "sized"
TARGETS = ("discs",)


class Settings(BaseSettings):
    """What can be set about the loss."""

    focus: float = Field(default=2.0, ge=0)
    """Exponent by which cells that are nearly right lose weight (alpha)."""
    forgiveness: float = Field(default=4.0, ge=0)
    """Exponent by which false alarms near a top lose weight (beta)."""
    size: float = Field(default=0.5, ge=0)
    """Share of the sizes in the loss, beside 1 for the centres."""
    smallest: float = Field(default=0.1, gt=0, lt=1)
    """Lowest value of a top: below it, discs that were mixed in faintly are left alone."""


class SliceDetection(nn.Module):
    """Penalty-reduced focal loss of the centres, and cross entropy of the sizes.

    Parameters
    ----------
    settings
        The loss's.
    weights
        One per channel: how much each object counts, and last the size.
    """

    weights: Tensor | None

    def __init__(self, settings: Settings, weights: Tensor | None) -> None:
        super().__init__()
        self.settings = settings
        self.shares: tuple[float, ...] = (1.0, settings.size)
        self.register_buffer("weights", weights, persistent=False)

    def forward(
        self, logits: Float[Tensor, "b c z y x"], target: Float[Tensor, "b o z y x"]
    ) -> Float[Tensor, ""]:
        """Return the loss; the last channel of the logits is the size, `c = o + 1`."""
        centre, size = self.parts(logits, target)
        return self.shares[0] * centre + self.shares[1] * size

    def parts(
        self, logits: Float[Tensor, "b c z y x"], target: Float[Tensor, "b o z y x"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the centres' and the sizes' part."""
        logits = logits.float()
        weights = torch.ones(logits.shape[1], device=logits.device)
        if self.weights is not None:
            weights = self.weights.to(weights)
        objects = weights[:-1].view(-1, 1, 1, 1)
        tops = target * _tops(target, self.settings.smallest)
        count = (objects * tops).sum().clamp(min=1.0)
        centres = (objects * self._centres(logits[:, :-1], target, tops)).sum() / count
        truth = _widen((tops * (objects > 0)).amax(dim=1))
        sizes = binary_cross_entropy_with_logits(logits[:, -1], truth, reduction="none")
        # Weighted like the tops: a disc's size matters as much as the disc.
        heavy = _widen((objects * tops).amax(dim=1))
        return centres, weights[-1] * (sizes * heavy).sum() / heavy.sum().clamp(min=1.0)

    def _centres(self, logits: Tensor, target: Tensor, tops: Tensor) -> Tensor:
        """Return each cell's share of the focal loss."""
        p = torch.sigmoid(logits)
        found = tops * (1 - p) ** self.settings.focus * logsigmoid(logits)
        alarm = p**self.settings.focus * logsigmoid(-logits)
        return -found - (1 - target) ** self.settings.forgiveness * alarm


def _tops(target: Float[Tensor, "b o z y x"], smallest: float) -> Bool[Tensor, "b o z y x"]:
    """Mark cells that no neighbour in their slice exceeds, away from the patch's edge."""
    tops = (target >= smallest) & (target == _widen(target))
    tops[..., 0, :] = tops[..., -1, :] = False
    tops[..., 0] = tops[..., -1] = False
    return tops


def _widen(cells: Tensor) -> Tensor:
    """Return the highest of each cell and its eight neighbours in the slice."""
    return max_pool3d(cells, (1, 3, 3), stride=1, padding=(0, 1, 1))


def build(settings: Settings, *, weights: Tensor | None = None) -> nn.Module:
    """Build the loss."""
    return SliceDetection(settings, weights)
