"""The 2.5-D U-Net of the challenge's 4th place: five slices at a time, heatmaps at full resolution.

Each slice goes through a ConvNeXt with two neighbours on either side as its channels, and slices
are averaged between the stages until one stands for sixteen. Skips are convolved in 3-D before they
are joined. The decoder stops at stride 4 and one layer spreads its features over the voxels
(pixel shuffle), so full resolution costs next to nothing. Made for heatmap targets, flat patches
and pretrained weights; 147 million weights as published. Uchida and Fukui, 2025, arXiv:2502.13484.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, field_validator
from torch import Tensor, nn

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.models._blocks import check_patch
from tomoscout.models._convnext import ConvNeXt
from tomoscout.models._decoder25d import ConvNormReLU, Up, decode, encode
from tomoscout.models._norms import NormKind
from tomoscout.models._pretrained import load_encoder
from tomoscout.ops.rarity import start_rare

_DEPTH_POOLS = (
    4,
    2,
    2,
    1,
)  # slices averaged after each stage: four halvings, the first two at once
_SHUFFLE = 4  # stride of the decoder's output, in z as in y and x


class Settings(BaseSettings):
    """What can be set about the network."""

    encoder: Literal["convnext_atto", "convnext_femto", "convnext_pico", "convnext_nano"] = (
        "convnext_nano"
    )
    """The 2-D encoder; 3.4, 4.8, 8.5 and 15.0 million weights."""
    slices: int = Field(default=5, ge=1, le=15)
    """Slices seen at a time, an odd number."""
    decoder: tuple[PositiveInt, PositiveInt, PositiveInt] = (1024, 768, 256)
    """Channels of the decoder, coarse to fine."""
    norm: NormKind = "batch"
    """Normalisation of the 3-D layers: ``batch`` as published; ``group`` or ``instance`` for small
    batches."""
    pretrained: Literal["timm"] | Path | None = None
    """Weights the encoder starts from in a training: a file of timm's (safetensors or pth), or
    ``timm`` to have that package fetch them; None starts from random ones."""

    @field_validator("slices")
    @classmethod
    def _odd(cls, slices: int) -> int:
        if slices % 2 == 0:
            raise ValueError(f"a slice has as many neighbours on each side: odd, found {slices}")
        return slices


class ShuffleHead(nn.Module):
    """Logits of a block of voxels from each cell: `(b, c, z, y, x)` -> `(b, o, 4z, 4y, 4x)`.

    One 1x1x1 convolution whose outputs are spread over the voxels (Shi et al., 2016,
    arXiv:1609.05158, in 3-D). Weights have a row per output channel, as other heads have.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        bound = in_channels**-0.5
        voxels = _SHUFFLE**3
        weight = torch.empty(out_channels, voxels, in_channels).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(out_channels, voxels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of all voxels."""
        weight = self.weight.flatten(0, 1)[..., None, None, None]
        y = F.conv3d(x, weight, self.bias.flatten())
        block = (self.weight.shape[0], _SHUFFLE, _SHUFFLE, _SHUFFLE)
        y = y.reshape(y.shape[0], *block, *y.shape[2:])  # the voxels in a cell, then the cells
        y = y.permute(0, 1, 5, 2, 6, 3, 7, 4)
        return y.flatten(6, 7).flatten(4, 5).flatten(2, 3)


class SlidingUNet25D(nn.Module):
    """The network: `(b, c, z, y, x)` -> one map at stride 1."""

    def __init__(self, settings: Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.settings = settings
        self.strides: tuple[int, ...] = (1,)
        self.divisor: tuple[int, int, int] = (math.prod(_DEPTH_POOLS), 32, 32)
        self.encoder = ConvNeXt(settings.encoder, in_channels * settings.slices)
        widths, norm = self.encoder.widths, settings.norm
        self.skips = nn.ModuleList(
            nn.Sequential(ConvNormReLU(w, w, norm), ConvNormReLU(w, w, norm)) for w in widths
        )
        *finer, deepest = widths
        self.ups = nn.ModuleList(
            Up(before, skip, after, pool, norm)
            for before, skip, after, pool in zip(
                (deepest, *settings.decoder[:-1]),
                reversed(finer),
                settings.decoder,
                reversed(_DEPTH_POOLS[1:]),
                strict=True,
            )
        )
        self.head = ShuffleHead(settings.decoder[-1], out_channels)
        start_rare(self.head)

    def load_pretrained(self) -> None:
        """Take over the encoder's weights from where the settings say."""
        if self.settings.pretrained is not None:
            load_encoder(self.encoder, self.settings.pretrained, name=self.settings.encoder)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the logits at stride 1, as the only item of a tuple."""
        check_patch(x, self.divisor)
        x = neighbours(x, self.settings.slices)
        features = encode(x, self.encoder.steps(), _DEPTH_POOLS)
        skips = [convs(f) for convs, f in zip(self.skips, features, strict=True)]
        return (self.head(decode(skips, self.ups)),)


def neighbours(x: Tensor, slices: int) -> Tensor:
    """Give each slice its neighbours as channels: `(b, c, z, y, x)` -> `(b, slices * c, z, y, x)`.

    Beyond the ends there are zeros, the mean of a normalised tomogram.
    """
    reach = slices // 2
    beyond = torch.zeros_like(x[:, :, :reach])  # not F.pad: its ONNX export is full of loops
    padded = torch.cat([beyond, x, beyond], dim=2)
    return torch.cat([padded[:, :, i : padded.shape[2] - 2 * reach + i] for i in range(slices)], 1)


def build(settings: Settings, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network with random weights."""
    return SlidingUNet25D(settings, in_channels, out_channels)
