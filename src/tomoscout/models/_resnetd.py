"""ResNet-18-D and ResNet-34-D: 2-D encoders of basic blocks, under the names timm gives weights.

The D variants see more of the image before it shrinks: three small convolutions instead of one
of 7x7, and shortcuts that average before they project (He et al., 2019, "Bag of tricks",
arXiv:1812.01187). As in all 2.5-D nets, the first pooling averages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tomoscout.models._norms import NormKind, norm2d

BLOCKS = {"resnet18d": (2, 2, 2, 2), "resnet34d": (3, 4, 6, 3)}
WIDTHS = (64, 64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, the first one of a stride: `(b, c, y, x)`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, norm: NormKind) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = norm2d(norm, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = norm2d(norm, out_channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.AvgPool2d(stride) if stride > 1 else nn.Identity(),
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                norm2d(norm, out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + self.downsample(x))


class ResNetD(nn.Module):
    """The encoder, to be run step by step: `(b, c, y, x)` -> strides 2, 4, 8, 16, 32.

    Parameters
    ----------
    name
        ``resnet18d`` or ``resnet34d``.
    in_channels
        Channels of a slice.
    norm
        Normalisation; only batch norm is the published network.
    """

    widths = WIDTHS
    stem_weight = "conv1.0.weight"
    classifier: tuple[str, ...] = ("fc.",)

    def __init__(self, name: str, in_channels: int, norm: NormKind) -> None:
        super().__init__()
        half = WIDTHS[0] // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(in_channels, half, 3, 2, padding=1, bias=False),
            norm2d(norm, half),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1, bias=False),
            norm2d(norm, half),
            nn.ReLU(),
            nn.Conv2d(half, WIDTHS[0], 3, padding=1, bias=False),
        )
        self.bn1 = norm2d(norm, WIDTHS[0])
        blocks = BLOCKS[name]
        self.layer1 = _layer(WIDTHS[0], WIDTHS[1], 1, blocks[0], norm)
        self.layer2 = _layer(WIDTHS[1], WIDTHS[2], 2, blocks[1], norm)
        self.layer3 = _layer(WIDTHS[2], WIDTHS[3], 2, blocks[2], norm)
        self.layer4 = _layer(WIDTHS[3], WIDTHS[4], 2, blocks[3], norm)
        self.apply(_start)

    def steps(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """Return what leads from each stride to the next."""
        return self._stem, self._first, self.layer2, self.layer3, self.layer4

    def _stem(self, x: Tensor) -> Tensor:
        """To stride 2."""
        return torch.relu(self.bn1(self.conv1(x)))

    def _first(self, x: Tensor) -> Tensor:
        """From stride 2 to 4."""
        return cast("Tensor", self.layer1(F.avg_pool2d(x, 2)))


def _layer(
    in_channels: int, out_channels: int, stride: int, blocks: int, norm: NormKind
) -> nn.Sequential:
    """Chain blocks; the first one widens and shrinks."""
    first = [BasicBlock(in_channels, out_channels, stride, norm)]
    rest = [BasicBlock(out_channels, out_channels, 1, norm) for _ in range(blocks - 1)]
    return nn.Sequential(*first, *rest)


def _start(module: nn.Module) -> None:
    """Draw weights as the published networks do; each block starts as its shortcut."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, BasicBlock):
        nn.init.zeros_(module.bn2.get_parameter("weight"))
