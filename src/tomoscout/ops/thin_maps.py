"""Convolutions of maps thinner than their kernel, in float32 where bf16 is wrong.

On processors with bf16 instructions oneDNN (of torch 2.13) returns garbage for two cases: weight
gradients of a 3-D convolution whose map is thinner than its kernel along z (a 3x3x3 kernel on a map
of depth 2), and all results of a strided one whose map is one cell wide. The deepest level of a
network on a small patch is such a map. These maps are tiny, so float32 costs nothing there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def guard(network: nn.Module) -> None:
    """Let a network's convolutions of thin maps run in float32 on the CPU; weights stay.

    Parameters
    ----------
    network
        Changed in place: its plain 2-D and 3-D convolutions change their class, which survives
        copying, and the names of their weights do not change.
    """
    for module in network.modules():
        for plain, guarded in _GUARDED.items():
            if type(module) is plain:
                module.__class__ = guarded


def _is_thin(x: Tensor, kernel: tuple[int, ...]) -> bool:
    """Tell whether a map on the CPU is thinner than a kernel that sees neighbours."""
    if x.device.type != "cpu":
        return False
    return any(k > 1 and n < k for n, k in zip(x.shape[2:], kernel, strict=True))


def _exact(convolve: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve outside autocast."""
    with torch.autocast("cpu", enabled=False):
        result: Tensor = convolve(x.float(), weight.float(), bias)
    return result


class _Conv2d(nn.Conv2d):
    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve = super()._conv_forward
        if _is_thin(input, self.kernel_size):
            return _exact(convolve, input, weight, bias)
        return convolve(input, weight, bias)


class _Conv3d(nn.Conv3d):
    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve = super()._conv_forward
        if _is_thin(input, self.kernel_size):
            return _exact(convolve, input, weight, bias)
        return convolve(input, weight, bias)


_GUARDED: dict[type[nn.Module], type[nn.Module]] = {nn.Conv2d: _Conv2d, nn.Conv3d: _Conv3d}
