"""A small residual network for single images, and the pyramid that joins its levels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu


class ResidualBlock2d(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut (He et al., 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Float[Tensor, "n c y x"]) -> Float[Tensor, "n c y x"]:
        """Run the block."""
        return relu(x + self.norm2(self.conv2(relu(self.norm1(self.conv1(x))))))


class PyramidNet(nn.Module):
    """Images to features at the stem's stride that know their surroundings.

    A residual network halves the image again and again; from its coarsest level down, each level
    is brought to one width, enlarged and added to the next finer one (feature pyramid, Lin et
    al., 2017, doi:10.1109/CVPR.2017.106). Only the finest sum is returned: particles of a
    tomogram differ by a factor of three in size, not by the hundred that needs a head per level.

    Parameters
    ----------
    in_channels
        Of the image.
    widths
        Channels of the residual levels, fine to coarse, each half as fine as the one before.
    blocks
        Residual blocks per level.
    features
        Channels returned.
    stem
        Pixels per pixel of the finest level: 1, 2 or 4.
    """

    def __init__(
        self, in_channels: int, *, widths: Sequence[int], blocks: int, features: int, stem: int
    ) -> None:
        super().__init__()
        # A kernel of two strides, centred on the cell: what comes out lies where it came from.
        kernel, padding = (2 * stem, stem // 2) if stem > 1 else (3, 1)
        self.stem = _convolve(in_channels, widths[0], kernel=kernel, stride=stem, padding=padding)
        self.levels = nn.ModuleList(
            nn.Sequential(*(ResidualBlock2d(width) for _ in range(blocks))) for width in widths
        )
        self.downs = nn.ModuleList(
            _convolve(fine, coarse, kernel=2, stride=2) for fine, coarse in pairwise(widths)
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, features, 1) for width in widths)
        self.smooth = _convolve(features, features, kernel=3, padding=1)

    def forward(self, x: Float[Tensor, "n c y x"]) -> Float[Tensor, "n f v u"]:
        """Return the features."""
        x = self.levels[0](self.stem(x))
        found = [x]
        for down, level in zip(self.downs, self.levels[1:], strict=True):
            x = level(down(x))
            found.append(x)
        total = self.laterals[-1](found.pop())
        for lateral, finer in zip(self.laterals[-2::-1], reversed(found), strict=True):
            total = interpolate(total, scale_factor=2.0, mode="nearest") + lateral(finer)
        return self.smooth(total)


def _convolve(
    in_channels: int, out_channels: int, *, kernel: int, stride: int = 1, padding: int = 0
) -> nn.Module:
    """Convolve, normalise, rectify."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
