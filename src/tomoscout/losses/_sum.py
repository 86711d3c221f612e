"""A loss that is a sum of others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Sum(nn.Module):
    """Losses multiplied by fixed shares and added.

    Parameters
    ----------
    losses
        What is added.
    shares
        What each is multiplied by.
    """

    def __init__(self, losses: Sequence[nn.Module], shares: tuple[float, ...]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.shares = shares

    def parts(
        self, logits: Float[Tensor, "b c z y x"], target: Float[Tensor, "b o z y x"]
    ) -> tuple[Float[Tensor, ""], ...]:
        """Return each loss before it is multiplied, so that a balancer can choose the shares."""
        return tuple(loss(logits, target) for loss in self.losses)

    def forward(
        self, logits: Float[Tensor, "b c z y x"], target: Float[Tensor, "b o z y x"]
    ) -> Float[Tensor, ""]:
        """Return the sum."""
        parts = self.parts(logits, target)
        return torch.stack([s * part for s, part in zip(self.shares, parts, strict=True)]).sum()
