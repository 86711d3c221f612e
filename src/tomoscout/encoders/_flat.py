"""ResNets for small pictures: single slices of a tomogram in, one vector each out.

The stem is one 3x3 convolution and nothing is pooled before the end, as He et al. (2016,
doi:10.1109/CVPR.2016.90, section 4.2) have it for CIFAR: particles have few voxels, and a stem for
photographs would halve them twice at once.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from tomoscout.core.geometry import Shape
from tomoscout.encoders._projection import Widths, projection
from tomoscout.models._blocks import check_patch


class FlatResNet(nn.Module):
    """Single slices `(b, 1, 1, y, x)` -> `(b, features)`, the mean over the deepest map.

    Parameters
    ----------
    widths
        Channels of the stages; each but the first halves the resolution.
    blocks
        Residual blocks of a stage.
    projected
        Widths of the projection's layers.
    norm
        Batch norm in the projection.
    """

    flat = True

    def __init__(self, widths: Widths, *, blocks: int, projected: Widths, norm: bool) -> None:
        super().__init__()
        self.features, self.projection = widths[-1], projected[-1]
        depth = 2 ** (len(widths) - 1)
        self.divisor: Shape = (1, depth, depth)
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        stages = [_stage(widths[0], widths[0], 1, blocks)]
        stages += [_stage(before, after, 2, blocks) for before, after in pairwise(widths)]
        self.stages = nn.Sequential(*stages)
        self.projector = projection(self.features, projected, norm=norm)
        self.apply(_start)

    def forward(self, x: Float[Tensor, "b 1 z y x"]) -> Float32[Tensor, "b f"]:
        """Return the features."""
        if x.shape[2] != 1:
            raise ValueError(
                f"crop {tuple(x.shape[2:])} of an encoder that looks at single slices: "
                f"use {(1, *x.shape[3:])}"
            )
        check_patch(x, self.divisor)
        return self.stages(self.stem(x[:, :, 0])).float().mean(dim=(2, 3))

    def project(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b p"]:
        """Return the projections."""
        return self.projector(features)


class _Block(nn.Module):
    """Two 3x3 convolutions and a shortcut; starts as the shortcut alone: `(b, c, y, x)`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def _stage(in_channels: int, out_channels: int, stride: int, blocks: int) -> nn.Sequential:
    """Chain blocks; the first one widens and shrinks."""
    rest = [_Block(out_channels, out_channels, 1) for _ in range(blocks - 1)]
    return nn.Sequential(_Block(in_channels, out_channels, stride), *rest)


def _start(module: nn.Module) -> None:
    """Draw convolutions as the published network does, and let blocks start as their shortcut."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, _Block):
        nn.init.zeros_(module.norm2.weight)
