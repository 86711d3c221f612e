"""From a network's logits to one probability per object."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from tomoscout.core.activation import Activation


def probabilities(
    logits: Float[Tensor, "b c *cells"], activation: Activation
) -> Float[Tensor, "b o *cells"]:
    """Return the probability of each object in each cell; background is left out.

    Of ``sized`` logits slices through a particle's middle count most, as centre-ness does in FCOS
    (Tian et al., 2019, doi:10.1109/ICCV.2019.00972).
    """
    if activation == "softmax":
        return torch.softmax(logits, dim=1)[:, 1:]
    scores = torch.sigmoid(logits)
    if activation == "sized":
        return (scores[:, :-1] * scores[:, -1:]).sqrt()
    return scores
