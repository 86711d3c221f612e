"""Let a network start from the belief that nearly every cell is background."""

from __future__ import annotations

import torch
from torch import nn

_RARITY = 6.0  # logit between background and any object at the start: one cell in 400
_LOW = 2.2  # sigmoid of minus this is 0.1: lower, and a squared error has next to no slope


def start_rare(head: nn.Module) -> None:
    """Set the bias of a network's last layer; it would else spend a tenth of a training on it.

    Parameters
    ----------
    head
        Last convolution or linear layer, with a bias. Its channel 0 is taken for background, as
        softmax has it; `no_background` mends that for the others.
    """
    bias, weight = head.get_parameter("bias"), head.get_parameter("weight")
    with torch.no_grad():
        nn.init.zeros_(bias)
        bias[1:] = -_RARITY
        weight.mul_(0.5)
    head.starts_rare = True  # type: ignore[assignment]


def no_background(network: nn.Module) -> None:
    """Let all channels of a new network start low and alike: each is an object of its own."""
    for module in network.modules():
        if getattr(module, "starts_rare", False):
            with torch.no_grad():
                module.get_parameter("bias").fill_(-_LOW)
