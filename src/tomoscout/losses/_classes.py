"""What every loss needs to know about classes: the truth of background, and weights."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


def with_background(target: Float[Tensor, "b o z y x"]) -> Float[Tensor, "b c z y x"]:
    """Put background, what the objects leave over, in front; then each cell sums to one.

    Two objects at one place share it, instead of one silently winning.
    """
    target = target.float()
    total = target.sum(dim=1, keepdim=True)
    return torch.cat([(1.0 - total).clamp(min=0.0), target / total.clamp(min=1.0)], dim=1)


class Weights(nn.Module):
    """Weights of the channels, on the device of the loss.

    Parameters
    ----------
    weights
        One per channel; None counts channel 0 once and all others ``objects`` times.
    objects
        Weight of the objects where no weights are given.
    """

    weights: Tensor | None

    def __init__(self, weights: Tensor | None, *, objects: float = 1.0) -> None:
        super().__init__()
        if weights is not None and not bool(((weights >= 0) & weights.isfinite()).all()):
            raise ValueError(f"class weights must be 0 or more, found {weights.tolist()}")
        # Not a part of what is saved: a resumed training computes its weights anew.
        self.register_buffer(
            "weights", None if weights is None else weights.float(), persistent=False
        )
        self.objects = objects

    def forward(self, logits: Float[Tensor, "b c z y x"]) -> Float[Tensor, " c"]:
        """Return the weights of these channels."""
        channels = logits.shape[1]
        if self.weights is None:
            weights = torch.full((channels,), self.objects, device=logits.device)
            weights[0] = 1.0
            return weights
        if len(self.weights) != channels:
            raise ValueError(
                f"the network has {channels} channels, found {len(self.weights)} class weights: "
                "give one for each, background first where there is one"
            )
        return self.weights
