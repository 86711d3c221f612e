"""A 3-D ResNet as the encoder of a U-Net: ETFinder's large detector.

Choose it with a GPU and many tomograms: depth 50 has 60 times the weights of the second-place
`unet`, and the CZII challenge found that size by itself does not help. The encoder is MONAI's; the
stem halves the resolution and the pooling behind it halves it again, so most of the work is done
on coarse cells. The decoder climbs back level by level, to full resolution as published, or to
stride 2, which is about as good for picking and much cheaper.

References
----------
He et al., 2016, doi:10.1109/CVPR.2016.90; Hara et al., 2018, arXiv:1711.09577 (in 3-D).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.models._blocks import check_patch
from tomoscout.models._norms import Kind, set_norm
from tomoscout.ops.rarity import start_rare

_LAYERS = {
    "resnet18": ("basic", [2, 2, 2, 2]),
    "resnet34": ("basic", [3, 4, 6, 3]),
    "resnet50": ("bottleneck", [3, 4, 6, 3]),
    "resnet101": ("bottleneck", [3, 4, 23, 3]),
}
"""Kind of block, and how many of them each stage has."""

_WIDENING = {"basic": 1, "bottleneck": 4}


class Settings(BaseSettings):
    """What can be set about the network."""

    encoder: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    """Depth of the encoder; from 50 on its blocks are bottlenecks, four times as wide."""
    width: int = Field(default=64, ge=1)
    """Channels of the stem; the four stages have 1, 2, 4 and 8 times as many in their blocks."""
    decoder: tuple[int, int, int, int] = (256, 128, 64, 32)
    """Channels of the decoder at strides 16, 8, 4 and 2."""
    norm: Literal["batch", "instance", "mix"] = "batch"
    """Normalisation; ``mix`` is instance norm in the stem and first stage, batch norm deeper."""
    act: str = "prelu"
    """Activation as MONAI names it."""
    output_stride: Literal[1, 2] = 1
    """Voxels per cell of the logits; 2 leaves out the last doubling."""


class ResNetUNet(nn.Module):
    """U-Net on a 3-D ResNet: `(b, c, z, y, x)` -> one map of logits at the output stride."""

    def __init__(self, settings: Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.strides: tuple[int, ...] = (settings.output_stride,)
        self.divisor: tuple[int, int, int] = (32, 32, 32)
        self.alone = settings.norm == "instance"  # one cell has no variance to be measured by
        early: Kind = "batch" if settings.norm == "batch" else "instance"
        deep: Kind = "instance" if settings.norm == "instance" else "batch"

        self.stem, stages = _encoder(settings, in_channels)
        self.pool = nn.MaxPool3d(3, stride=2, padding=1)
        self.stages = nn.ModuleList(stages)
        set_norm(self.stem, early)
        set_norm(self.stages[0], early)
        for stage in self.stages[1:]:
            set_norm(stage, deep)

        widening = _WIDENING[_LAYERS[settings.encoder][0]]
        skips = [settings.width, *(settings.width * widening * 2**k for k in range(4))]
        self.width = skips.pop()
        widths = (self.width, *settings.decoder)
        self.decoders = nn.ModuleList(
            _Join(a, skip, b, settings.act)
            for (a, b), skip in zip(pairwise(widths), reversed(skips), strict=True)
        )
        set_norm(self.decoders, deep)
        self.up: nn.Module = nn.Identity()
        if settings.output_stride == 1:
            self.up = nn.ConvTranspose3d(widths[-1], widths[-1], 2, stride=2)
        self.head = nn.Conv3d(widths[-1], out_channels, 1)
        start_rare(self.head)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the logits at the output stride, as the only item of a tuple."""
        skips = self._descend(x)
        x = skips.pop()
        for decoder in self.decoders:
            x = decoder(x, skips.pop())
        return (self.head(self.up(x)),)

    def encode(self, x: Tensor) -> Tensor:
        """Return the deepest features, `(b, width, u, v, w)`."""
        return self._descend(x)[-1]

    def _descend(self, x: Tensor) -> list[Tensor]:
        """Return the features of the stem and of each stage, fine to coarse."""
        check_patch(x, self.divisor)
        if self.alone and tuple(x.shape[2:]) == self.divisor:
            raise ValueError(
                f"patch {self.divisor} leaves instance norm a single cell at the deepest level: "
                "use (64, 64, 64), or norm: mix"
            )
        levels = [self.stem(x)]
        x = self.pool(levels[0])
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return levels


class _Join(nn.Module):
    """Double the resolution, append the skip, and run a residual block over both."""

    def __init__(self, below: int, skip: int, out_channels: int, act: str) -> None:
        super().__init__()
        joined = out_channels + skip
        self.up = nn.ConvTranspose3d(below, out_channels, 2, stride=2)
        self.conv1 = nn.Conv3d(joined, out_channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm3d(out_channels)
        self.act1 = _activation(act)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm3d(out_channels)
        self.act2 = _activation(act)
        self.shortcut = nn.Conv3d(joined, out_channels, 1, bias=False)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Run the level."""
        x = torch.cat([self.up(x), skip], dim=1)
        y = self.act1(self.norm1(self.conv1(x)))
        return self.act2(self.norm2(self.conv2(y)) + self.shortcut(x))


def _encoder(settings: Settings, in_channels: int) -> tuple[nn.Module, list[nn.Module]]:
    """Return the stem, at stride 2, and the four stages of MONAI's ResNet."""
    from monai.networks.nets.resnet import ResNet  # slow to import

    block, layers = _LAYERS[settings.encoder]
    net = ResNet(
        block,
        layers,
        [settings.width * 2**k for k in range(4)],
        n_input_channels=in_channels,
        conv1_t_stride=2,
        # MONAI's type A, its choice for depths 18 and 34, lets no gradient through the shortcut.
        shortcut_type="B",
        bias_downsample=False,
        feed_forward=False,
    )
    stages = [net.layer1, net.layer2, net.layer3, net.layer4]
    for stage in stages:
        for residual in stage:
            residual.act = _activation(settings.act)  # MONAI's setting reaches the stem alone
    stem = nn.Sequential(net.conv1, net.bn1, _activation(settings.act))
    return stem, stages


def _activation(name: str) -> nn.Module:
    """Return a fresh activation by MONAI's name for it."""
    from monai.networks.layers.utils import get_act_layer

    try:
        return get_act_layer(name)
    except ValueError as error:
        raise UserError(f"resnet_unet: MONAI refuses activation '{name}': {error}") from error


def build(settings: Settings, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network with random weights."""
    return ResNetUNet(settings, in_channels, out_channels)
