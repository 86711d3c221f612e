"""How often a classifier is right."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor


def accuracy(logits: Float[Tensor, "b k"], labels: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """Return the share of crops whose label has the largest logit."""
    return (logits.detach().argmax(dim=1) == labels).float().mean()
