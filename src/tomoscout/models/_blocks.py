"""Blocks shared by the 3-D networks, and the check of a patch's shape."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions with batch norm and a shortcut (He et al., 2016).

    `(b, in, z, y, x)` -> `(b, out, z, y, x)`; the shortcut is a 1x1x1 convolution when the
    widths differ.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm3d(out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm3d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Conv3d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return torch.relu(y + self.shortcut(x))


def check_patch(x: Tensor, divisor: tuple[int, int, int]) -> None:
    """Raise, naming the nearest right shape, unless each axis is a multiple of the divisor."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call] # sizes are symbols then, and a trace is for one right size
        return
    shape = tuple(x.shape[2:])
    if any(n % d or n == 0 for n, d in zip(shape, divisor, strict=True)):
        right = tuple(
            max(1, (n + (d - 1) // 2) // d) * d for n, d in zip(shape, divisor, strict=True)
        )
        raise ValueError(
            f"patch {shape} must be a multiple of {divisor} voxels (z, y, x): use {right}"
        )
