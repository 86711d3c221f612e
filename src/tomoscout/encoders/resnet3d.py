"""A small 3-D ResNet for crops of 24 to 48 voxels: the encoder to begin with.

Made for two CPU cores and noise. The stem looks at 5 x 5 x 5 voxels and halves the resolution at
once, so that next to nothing is computed on single voxels, which tell little; each stage halves it
again. What the last stage sees of a particle of 5 to 15 voxels' radius is all of it, and where it
lies in the crop, so that a crop beside a particle differs from one upon it. A crop of 32 voxels
costs 0.09 GFLOP. Features are the mean over the deepest map. He et al., 2016,
doi:10.1109/CVPR.2016.90, in 3-D.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float, Float32
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.geometry import Shape
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.encoders._projection import projection
from tomoscout.models._blocks import check_patch
from tomoscout.models._norms import NormKind, norm3d

_DIVISOR: Shape = (8, 8, 8)  # any shape goes through, but of odd maps a stride leaves edges out


class Settings(BaseSettings):
    """What can be set about the encoder."""

    widths: tuple[int, ...] = Field(default=(16, 32, 64, 128), min_length=2)
    """Channels of the stem and of each stage, at strides 2, 4, 8, ..."""
    blocks: int = Field(default=1, ge=1)
    """Residual blocks of a stage."""
    norm: NormKind = "batch"
    """Normalisation; ``group`` makes crops independent of what else is in their batch."""
    projection: tuple[int, ...] = Field(default=(256, 128), min_length=1)
    """Widths of the projection's layers; the last is what objectives compare."""
    projection_norm: bool = True
    """Batch norm behind the projection's inner layers."""


class ResNet3D(nn.Module):
    """Crops `(b, 1, z, y, x)` -> `(b, features)`, the mean over the deepest map."""

    flat = False

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        widths, norm = settings.widths, settings.norm
        self.features, self.projection = widths[-1], settings.projection[-1]
        self.divisor: Shape = _DIVISOR
        stride = 2 ** len(widths)
        self.stride: Shape = (stride, stride, stride)
        self.stem = nn.Sequential(
            nn.Conv3d(1, widths[0], 5, stride=2, padding=2, bias=False),
            norm3d(norm, widths[0]),
            nn.ReLU(),
        )
        self.stages = nn.Sequential(
            *(_stage(before, after, settings.blocks, norm) for before, after in pairwise(widths))
        )
        self.projector = projection(
            self.features, settings.projection, norm=settings.projection_norm
        )
        self.apply(_start)

    def forward(self, x: Float[Tensor, "b 1 z y x"]) -> Float32[Tensor, "b f"]:
        """Return the features."""
        return self.encode(x).float().mean(dim=(2, 3, 4))

    def encode(self, x: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b f u v w"]:
        """Return the deepest map."""
        check_patch(x, self.divisor)
        return self.stages(self.stem(x))

    def project(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b p"]:
        """Return the projections."""
        return self.projector(features)


class _Block(nn.Module):
    """Two 3x3x3 convolutions and a shortcut; starts as the shortcut alone: `(b, c, z, y, x)`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, norm: NormKind) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = norm3d(norm, out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = norm3d(norm, out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                # A mean, not every other voxel: what is left out would only be noise unseen.
                nn.AvgPool3d(stride, ceil_mode=True, count_include_pad=False),
                nn.Conv3d(in_channels, out_channels, 1, bias=False),
                norm3d(norm, out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def _stage(in_channels: int, out_channels: int, blocks: int, norm: NormKind) -> nn.Sequential:
    """Chain blocks; the first one widens and shrinks."""
    rest = [_Block(out_channels, out_channels, 1, norm) for _ in range(blocks - 1)]
    return nn.Sequential(_Block(in_channels, out_channels, 2, norm), *rest)


def _start(module: nn.Module) -> None:
    """Draw convolutions for ReLU, and let blocks start as their shortcut."""
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, _Block):
        nn.init.zeros_(module.norm2.get_parameter("weight"))


def build(settings: Settings) -> nn.Module:
    """Build the encoder with random weights."""
    return ResNet3D(settings)
