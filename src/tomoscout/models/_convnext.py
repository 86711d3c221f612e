"""ConvNeXt, atto to nano: 2-D encoders of large depthwise kernels, under timm's weight names.

A 7x7 convolution within each channel, then two 1x1 ones across channels, with layer norm: few
weights see far (Liu et al., 2022, arXiv:2201.03545; the small variants are timm's).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import torch.nn.functional as F
from torch import Tensor, nn

_START = 1e-6  # of the share that a block adds; as published


class Variant(NamedTuple):
    """Size of a ConvNeXt: blocks and channels of its four stages."""

    blocks: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]


VARIANTS = {
    "convnext_atto": Variant((2, 2, 6, 2), (40, 80, 160, 320)),
    "convnext_femto": Variant((2, 2, 6, 2), (48, 96, 192, 384)),
    "convnext_pico": Variant((2, 2, 6, 2), (64, 128, 256, 512)),
    "convnext_nano": Variant((2, 2, 8, 2), (80, 160, 320, 640)),
}


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of `(b, c, y, x)`."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each pixel on its own."""
        x = F.layer_norm(
            x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps
        )
        return x.permute(0, 3, 1, 2)


class Block(nn.Module):
    """What a pixel's surroundings add to it: `(b, c, y, x)` -> `(b, c, y, x)`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = LayerNorm2d(channels)
        self.mlp = nn.ModuleDict(
            {
                "fc1": nn.Conv2d(channels, 4 * channels, 1),
                "fc2": nn.Conv2d(4 * channels, channels, 1),
            }
        )
        self.gamma = nn.Parameter(nn.init.constant_(self.norm.weight.new_empty(channels), _START))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y = F.gelu(self.mlp["fc1"](self.norm(self.conv_dw(x))))
        return x + self.mlp["fc2"](y) * self.gamma[:, None, None]


class Stage(nn.Module):
    """Halve the resolution, except in the first stage, and run blocks."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int) -> None:
        super().__init__()
        self.downsample: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.downsample = nn.Sequential(
                LayerNorm2d(in_channels), nn.Conv2d(in_channels, out_channels, 2, stride=2)
            )
        self.blocks = nn.Sequential(*(Block(out_channels) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """Run the stage."""
        return cast("Tensor", self.blocks(self.downsample(x)))


class ConvNeXt(nn.Module):
    """The encoder, to be run step by step: `(b, c, y, x)` -> strides 4, 8, 16, 32.

    Parameters
    ----------
    name
        One of ``VARIANTS``.
    in_channels
        Channels of a slice.
    """

    stem_weight = "stem.0.weight"
    classifier: tuple[str, ...] = ("head.",)

    def __init__(self, name: str, in_channels: int) -> None:
        super().__init__()
        variant = VARIANTS[name]
        self.widths = variant.widths
        first = self.widths[0]
        self.stem = nn.Sequential(nn.Conv2d(in_channels, first, 4, stride=4), LayerNorm2d(first))
        self.stages = nn.Sequential(
            *(
                Stage(before, after, blocks)
                for (before, after), blocks in zip(
                    pairwise((first, *self.widths)), variant.blocks, strict=True
                )
            )
        )
        self.apply(_start)

    def steps(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return what leads from each stride to the next."""
        first, *rest = self.stages
        return nn.Sequential(self.stem, first), *rest


def _start(module: nn.Module) -> None:
    """Draw weights as the published networks do."""
    if isinstance(module, nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
