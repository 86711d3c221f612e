"""The 2.5-D U-Net: a 2-D encoder looks at the slices, a 3-D decoder puts them together.

The public network of the CZII challenge (hengck23's), from which many medals were made. Its
encoder is a ResNet-D for photographs, so that weights trained on millions of them can be
loaded (``pretrained``); slices are averaged in pairs after each stage. Choose it when such weights
are at hand: without them a 3-D network of its size learns as well. It needs deep patches (a
multiple of 16 slices). With few patches per step choose ``norm: group``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.models._blocks import check_patch
from tomoscout.models._decoder25d import Up, decode, encode
from tomoscout.models._norms import NormKind
from tomoscout.models._pretrained import load_encoder
from tomoscout.models._resnetd import ResNetD
from tomoscout.ops.rarity import start_rare


class Settings(BaseSettings):
    """What can be set about the network."""

    encoder: Literal["resnet18d", "resnet34d"] = "resnet34d"
    """The 2-D encoder; 11.2 and 21.3 million weights."""
    depth_pools: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (
        2, 2, 2, 2, 1,
    )  # fmt: skip
    """Slices averaged into one after each of the encoder's stages."""
    decoder: tuple[PositiveInt, ...] = (256, 128, 64, 32, 16)
    """Channels of the decoder, coarse to fine: five, of which stride 2 needs the first four."""
    output_stride: Literal[1, 2] = 1
    """Stride of the logits; 2 leaves the decoder's last and dearest block out."""
    norm: NormKind = "batch"
    """Normalisation: ``batch`` as published; ``group`` or ``instance`` for small batches."""
    pretrained: Literal["timm"] | Path | None = None
    """Weights the encoder starts from in a training: a file of timm's (safetensors or pth), or
    ``timm`` to have that package fetch them; None starts from random ones."""


class UNet25D(nn.Module):
    """The network: `(b, c, z, y, x)` -> one map at stride 1 or 2."""

    def __init__(self, settings: Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        stride, pools, widths = settings.output_stride, settings.depth_pools, settings.decoder
        blocks = 6 - stride
        if len(widths) < blocks:
            raise UserError(f"unet25d: decoder needs {blocks} widths, found {len(widths)}")
        if stride == 2 and pools[0] != 2:
            raise UserError(
                f"unet25d: output_stride 2 needs slices averaged in pairs after the first stage, "
                f"found depth_pools[0] {pools[0]}: set it to 2, or output_stride to 1"
            )
        self.settings = settings
        self.strides: tuple[int, ...] = (stride,)
        self.divisor: tuple[int, int, int] = (math.prod(pools), 32, 32)
        self.encoder = ResNetD(settings.encoder, in_channels, settings.norm)
        *skips, deepest = self.encoder.widths
        self.ups = nn.ModuleList(
            Up(before, skip, after, pool, settings.norm)
            for before, skip, after, pool in zip(
                (deepest, *widths[: blocks - 1]),
                (*reversed(skips), 0)[:blocks],
                widths[:blocks],
                tuple(reversed(pools))[:blocks],
                strict=True,
            )
        )
        self.head = nn.Conv3d(widths[blocks - 1], out_channels, 1)
        start_rare(self.head)

    def load_pretrained(self) -> None:
        """Take over the encoder's weights from where the settings say."""
        if self.settings.pretrained is not None:
            load_encoder(self.encoder, self.settings.pretrained, name=self.settings.encoder)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the logits, as the only item of a tuple."""
        check_patch(x, self.divisor)
        features = encode(x, self.encoder.steps(), self.settings.depth_pools)
        return (self.head(decode(features, self.ups)),)


def build(settings: Settings, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network with random weights."""
    return UNet25D(settings, in_channels, out_channels)
