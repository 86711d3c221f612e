"""ResNet-18 for small slices: the larger of the 2-D encoders that discovery began with.

Choose it to reproduce that work, or with a GPU: a crop of 32 x 32 voxels costs six times as much as
one of 32 x 32 x 32 does in ``resnet3d``, which sees the particle whole. Crops of 96 x 96 were used
there. Features are the pooled output of the last block, 512 of them.
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.encoders._flat import FlatResNet


class Settings(BaseSettings):
    """What can be set about the encoder."""

    projection: tuple[int, ...] = Field(default=(2048, 128), min_length=1)
    """Widths of the projection's layers; the last is what objectives compare."""
    projection_norm: bool = False
    """Batch norm behind the projection's inner layers, which SimSiam needs."""


def build(settings: Settings) -> nn.Module:
    """Build the encoder with random weights."""
    return FlatResNet(
        (64, 128, 256, 512),
        blocks=(2, 2, 2, 2),
        projected=settings.projection,
        norm=settings.projection_norm,
    )
