"""ResNet-20 for small slices: three stages of 16, 32 and 64 channels.

The smaller of the 2-D encoders that discovery began with, on crops of 32 x 32 voxels; a tenth of
the price of ``resnet18_flat``. Features are the pooled output of the last block, 64 of them.
Where the channels change, shortcuts are convolutions of 1 x 1.
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.encoders._flat import FlatResNet


class Settings(BaseSettings):
    """What can be set about the encoder."""

    projection: tuple[int, ...] = Field(default=(512, 32), min_length=1)
    """Widths of the projection's layers; the last is what objectives compare."""
    projection_norm: bool = False
    """Batch norm behind the projection's inner layers, which SimSiam needs."""


def build(settings: Settings) -> nn.Module:
    """Build the encoder with random weights."""
    return FlatResNet(
        (16, 32, 64),
        blocks=(3, 3, 3),
        projected=settings.projection,
        norm=settings.projection_norm,
    )
