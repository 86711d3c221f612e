"""MONAI's residual 3-D U-Net, at full resolution: the field's common baseline.

Choose it to reproduce published recipes. The CZII challenge's 2nd place used channels 48/64/80/80,
strides 2/2/1 and one residual unit (1.1 M parameters); ETFinder's DeepFinder 2 has channels
32/48/64/64, strides 2/2/2, two residual units, batch norm, leaky ReLU and dropout 0.2 (1.0 M).
Kerfoot et al., 2018, doi:10.1007/978-3-030-12029-0_40.
"""

from __future__ import annotations

import math

from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.models._blocks import check_patch
from tomoscout.models._norms import set_norm
from tomoscout.ops.rarity import start_rare

_CONVOLUTIONS = (nn.Conv3d, nn.ConvTranspose3d)


class Settings(BaseSettings):
    """What can be set about the network."""

    channels: tuple[int, ...] = Field(default=(48, 64, 80, 80), min_length=2)
    """Channels of each level, fine to coarse."""
    strides: tuple[int, ...] = (2, 2, 1)
    """Stride between neighbouring levels, one fewer than the channels."""
    residual_units: int = Field(default=1, ge=0)
    """Convolutions per level that have a shortcut; 0 gives plain convolutions."""
    norm: str = "instance"
    """Normalisation as MONAI names it: ``instance``, ``batch``, ``group`` ...; or ``mix``: instance
    norm in the first two levels of the encoder, batch norm deeper and in the decoder."""
    act: str = "prelu"
    """Activation as MONAI names it."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of activations dropped while training."""


class UNet(nn.Module):
    """MONAI's network behind the house's contract: `(b, c, z, y, x)` -> one map at stride 1."""

    def __init__(self, settings: Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        from monai.networks.nets import UNet as MonaiUNet  # slow to import

        if len(settings.strides) != len(settings.channels) - 1:
            raise UserError(
                f"unet: {len(settings.channels)} channels need {len(settings.channels) - 1} "
                f"strides, found {len(settings.strides)}"
            )
        depth = math.prod(settings.strides)
        self.strides: tuple[int, ...] = (1,)
        self.divisor: tuple[int, int, int] = (depth, depth, depth)
        try:
            self.net = MonaiUNet(
                spatial_dims=3,
                in_channels=in_channels,
                out_channels=out_channels,
                channels=settings.channels,
                strides=settings.strides,
                num_res_units=settings.residual_units,
                norm="batch" if settings.norm == "mix" else settings.norm,
                act=settings.act,
                dropout=settings.dropout,
            )
        except (ValueError, TypeError, KeyError) as error:  # an unknown norm or activation, mostly
            raise UserError(f"unet: MONAI refuses these settings: {error}") from error
        if settings.norm == "mix":
            _mix(self.net, levels=min(2, len(settings.channels) - 1))
        start_rare([m for m in self.net.modules() if isinstance(m, _CONVOLUTIONS)][-1])

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the logits at stride 1, as the only item of a tuple."""
        check_patch(x, self.divisor)
        return (self.net(x),)


def _mix(net: nn.Module, *, levels: int) -> None:
    """Give the first levels of the encoder instance norm; MONAI takes one norm for all."""
    level = net.get_submodule("model")
    for _ in range(levels):  # a level is: down, the levels below it behind a skip, up
        set_norm(level.get_submodule("0"), "instance")
        level = level.get_submodule("1.submodule")


def build(settings: Settings, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network with random weights."""
    return UNet(settings, in_channels, out_channels)
