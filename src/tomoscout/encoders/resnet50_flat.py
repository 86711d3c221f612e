"""ResNet-50 for small slices: the deepest of the 2-D encoders, for classifiers with a GPU.

Sixteen blocks, each four times narrower in the middle; features are the pooled output of the last,
2048 of them. He et al., 2016, doi:10.1109/CVPR.2016.90, table 1, with a stem for small pictures.
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
        (256, 512, 1024, 2048),
        blocks=(3, 4, 6, 3),
        projected=settings.projection,
        norm=settings.projection_norm,
        narrow=4,
    )
