"""The default detector: a residual U-Net that thinks at half resolution.

A 4x4x4 convolution of stride 2 takes the tomogram to half resolution at once, and the logits
stay there: the challenge's winners found that the full-resolution level costs most of the time
and adds nothing, since half a cell is far below the distance at which a pick counts. Small
enough for two CPU cores; choose it unless a published recipe is to be reproduced.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.models._blocks import ResidualBlock, check_patch
from tomoscout.ops.rarity import start_rare


class Settings(BaseSettings):
    """What can be set about the network."""

    widths: tuple[int, ...] = Field(default=(16, 32, 64, 96), min_length=2)
    """Channels at strides 2, 4, 8, ..."""
    blocks: int = Field(default=1, ge=1)
    """Residual blocks per level and side."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of channels dropped at the deepest level while training."""


class ScoutUNet(nn.Module):
    """Residual U-Net with a strided stem: `(b, c, z, y, x)` -> one map of logits at stride 2."""

    def __init__(self, settings: Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        widths = settings.widths
        self.strides: tuple[int, ...] = (2,)
        depth = 2 ** len(widths)
        self.divisor: tuple[int, int, int] = (depth, depth, depth)
        self.width = widths[-1]
        self.stem = _halve(in_channels, widths[0], kernel=4)
        self.encoders = nn.ModuleList(_level(w, w, settings.blocks) for w in widths)
        self.downs = nn.ModuleList(_halve(a, b, kernel=2) for a, b in pairwise(widths))
        self.drop = nn.Dropout3d(settings.dropout)
        self.ups = nn.ModuleList(
            nn.ConvTranspose3d(b, a, 2, stride=2) for b, a in pairwise(reversed(widths))
        )
        self.decoders = nn.ModuleList(_level(2 * w, w, settings.blocks) for w in widths[-2::-1])
        self.head = nn.Conv3d(widths[0], out_channels, 1)
        start_rare(self.head)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the logits at stride 2, as the only item of a tuple."""
        skips = self._descend(x)
        x = self.drop(skips.pop())
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = decoder(torch.cat([up(x), skips.pop()], dim=1))
        return (self.head(x),)

    def encode(self, x: Tensor) -> Tensor:
        """Return the deepest features, `(b, width, u, v, w)`."""
        return self._descend(x)[-1]

    def _descend(self, x: Tensor) -> list[Tensor]:
        """Return the features of each level, fine to coarse."""
        check_patch(x, self.divisor)
        levels = [self.encoders[0](self.stem(x))]
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            levels.append(encoder(down(levels[-1])))
        return levels


def _halve(in_channels: int, out_channels: int, *, kernel: int) -> nn.Module:
    """Halve the resolution by a strided convolution."""
    padding = (kernel - 2) // 2
    return nn.Sequential(
        nn.Conv3d(in_channels, out_channels, kernel, stride=2, padding=padding, bias=False),
        nn.BatchNorm3d(out_channels),
        nn.ReLU(),
    )


def _level(in_channels: int, out_channels: int, blocks: int) -> nn.Module:
    """Chain residual blocks."""
    first = [ResidualBlock(in_channels, out_channels)]
    rest = [ResidualBlock(out_channels, out_channels) for _ in range(blocks - 1)]
    return nn.Sequential(*first, *rest)


def build(settings: Settings, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network with random weights."""
    return ScoutUNet(settings, in_channels, out_channels)
