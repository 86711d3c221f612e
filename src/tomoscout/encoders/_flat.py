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
        Residual blocks of each stage.
    projected
        Widths of the projection's layers.
    norm
        Batch norm in the projection.
    narrow
        How many times narrower a block is inside; 1 for blocks of two convolutions.
    """

    flat = True

    def __init__(
        self, widths: Widths, *, blocks: Widths, projected: Widths, norm: bool, narrow: int = 1
    ) -> None:
        super().__init__()
        self.features, self.projection = widths[-1], projected[-1]
        depth = 2 ** (len(widths) - 1)
        self.divisor: Shape = (1, depth, depth)
        self.stride = self.divisor
        first = widths[0] // narrow
        self.stem = nn.Sequential(
            nn.Conv2d(1, first, 3, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        steps = [(first, widths[0], 1), *((before, after, 2) for before, after in pairwise(widths))]
        self.stages = nn.Sequential(
            *(_stage(*step, count, narrow) for step, count in zip(steps, blocks, strict=True))
        )
        self.projector = projection(self.features, projected, norm=norm)
        self.apply(_start)

    def forward(self, x: Float[Tensor, "b 1 z y x"]) -> Float32[Tensor, "b f"]:
        """Return the features."""
        return self.encode(x).float().mean(dim=(2, 3, 4))

    def encode(self, x: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b f 1 v w"]:
        """Return the deepest map."""
        if x.shape[2] != 1:
            raise ValueError(
                f"crop {tuple(x.shape[2:])} of an encoder that looks at single slices: "
                f"use {(1, *x.shape[3:])}"
            )
        check_patch(x, self.divisor)
        return self.stages(self.stem(x[:, :, 0]))[:, :, None]

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
        self.shortcut = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class _Bottleneck(nn.Module):
    """A 3x3 convolution between two of 1x1, and a shortcut; starts as the shortcut alone."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, narrow: int) -> None:
        super().__init__()
        inner = out_channels // narrow
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y = torch.relu(self.norm1(self.conv1(x)))
        y = torch.relu(self.norm2(self.conv2(y)))
        return torch.relu(self.norm3(self.conv3(y)) + self.shortcut(x))


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return what brings a block's input to the shape of its output."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


def _stage(
    in_channels: int, out_channels: int, stride: int, blocks: int, narrow: int
) -> nn.Sequential:
    """Chain blocks; the first one widens and shrinks."""
    shapes = [
        (in_channels, out_channels, stride),
        *[(out_channels, out_channels, 1)] * (blocks - 1),
    ]
    if narrow == 1:
        return nn.Sequential(*(_Block(*shape) for shape in shapes))
    return nn.Sequential(*(_Bottleneck(*shape, narrow) for shape in shapes))


def _start(module: nn.Module) -> None:
    """Draw convolutions as the published network does, and let blocks start as their shortcut."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, _Block):
        nn.init.zeros_(module.norm2.weight)
    if isinstance(module, _Bottleneck):
        nn.init.zeros_(module.norm3.weight)
