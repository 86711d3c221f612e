"""The challenge's winning net: a MONAI encoder and three quarters of a U-Net's decoder.

The decoder climbs from stride 32 to the finest stride that is asked for, and stops: the winners
found the map at half resolution more accurate than the full one ("partly U-Net"), and what is not
used is neither built nor computed here. Heads may stand on several levels of the decoder (deep
supervision); ``training.level_weights`` weighs them.

Choose it on a GPU, for the accuracy of the challenge's 1st place and for weights that were
published; ``resnet10`` and ``resnet18`` train on a CPU too. The names of the tensors are those of
the published checkpoints, which ``inference.published`` reads. Residual networks: He et al.,
2016, arXiv:1512.03385; EfficientNet: Tan and Le, 2019, arXiv:1905.11946.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from torch import Tensor, nn

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.models._blocks import check_patch
from tomoscout.models._flexible_encoders import EncoderName, build_encoder
from tomoscout.ops.rarity import start_rare

STRIDES = (16, 8, 4, 2)
"""Strides of the decoder's blocks, in their order; block and head ``n`` work at ``STRIDES[n]``."""

_DEEPEST = 32  # stride of the encoder's last map


class Settings(BaseSettings):
    """What can be set about the network."""

    encoder: EncoderName = "resnet34"
    """Network that reads the tomogram: ``resnet10`` to ``resnet200``, ``efficientnet-b0`` to
    ``efficientnet-b8``."""
    levels: tuple[Literal[2, 4, 8, 16], ...] = Field(default=(2,), min_length=1)
    """Strides that have a head, fine to coarse; the finest one is used, the others help to
    train."""
    widths: tuple[int, int, int, int] = (256, 128, 64, 32)
    """Channels of the decoder at strides 16, 8, 4 and 2."""

    @field_validator("levels")
    @classmethod
    def _fine_to_coarse(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if list(levels) != sorted(set(levels)):
            raise ValueError(f"strides must rise and differ, found {list(levels)}")
        return levels

    @field_validator("widths")
    @classmethod
    def _positive(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if min(widths) < 1:
            raise ValueError("every level needs a channel")
        return widths


class Decoder(nn.Module):
    """Blocks from stride 16 on: upsample to the nearest, join the encoder's map, two convolutions.

    Takes the encoder's maps, fine to coarse, and returns those of the blocks, coarse to fine.
    """

    def __init__(self, encoder_widths: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        from monai.networks.nets.basic_unet import UpCat  # slow to import

        skips = encoder_widths[-2::-1]
        inputs = (encoder_widths[-1], *widths)
        self.blocks = nn.ModuleList(
            UpCat(
                spatial_dims=3,
                in_chns=before,
                cat_chns=skip,
                out_chns=width,
                act=("relu", {"inplace": True}),
                norm=("batch", {"eps": 1e-3, "momentum": 0.1}),
                bias=False,
                upsample="nontrainable",
                interp_mode="nearest",
                align_corners=None,
                is_pad=False,  # the check of the patch has seen to it
            )
            for before, skip, width in zip(inputs, skips, widths, strict=False)
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Run the blocks."""
        x, outputs = features[-1], []
        for block, skip in zip(self.blocks, features[-2::-1], strict=False):
            x = block(x, skip)
            outputs.append(x)
        return outputs


class FlexibleUNet(nn.Module):
    """Encoder, decoder and heads: `(b, c, z, y, x)` -> logits at each of the levels' strides."""

    def __init__(self, settings: Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.strides: tuple[int, ...] = tuple(settings.levels)
        self.divisor: tuple[int, int, int] = (_DEEPEST, _DEEPEST, _DEEPEST)
        self._heads = tuple(STRIDES.index(stride) for stride in settings.levels)
        widths = settings.widths[: max(self._heads) + 1]
        self.encoder, encoder_widths = build_encoder(settings.encoder, in_channels)
        self.decoder = Decoder(encoder_widths, widths)
        # Numbered as in the published checkpoints, whichever of them are built.
        self.segmentation_heads = nn.ModuleDict(
            {str(n): _head(widths[n], out_channels) for n in self._heads}
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of the levels, fine to coarse."""
        check_patch(x, self.divisor)
        maps = self.decoder(self.encoder(x))
        return tuple(self.segmentation_heads[str(n)](maps[n]) for n in self._heads)


def _head(in_channels: int, out_channels: int) -> nn.Module:
    """Build a 3x3x3 convolution to logits; the sequence is there for its published name."""
    convolution = nn.Conv3d(in_channels, out_channels, 3, padding=1)
    start_rare(convolution)
    return nn.Sequential(convolution)


def build(settings: Settings, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network with random weights."""
    return FlexibleUNet(settings, in_channels, out_channels)
