"""An anchor-free detector on slices: where a disc's centre is, and how large the disc.

A particle cut by a slice is a disc. The network looks at one slice at a time, with its neighbours
as further channels, and says for each cell and object how likely it is the centre of a disc (as
CenterNet does: Zhou et al., 2019, arXiv:1904.07850), and how large the disc is compared with the
particle, which tells how near the slice is to the particle's middle. It does in two dimensions
what the challenge's YOLO entries did, with one network for all objects and no boxes. Choose it for
thin slabs, for annotations made in slices, or to compare with YOLO; a 3-D network sees more. Train
it with target ``discs`` and loss ``slice_detection``, and pick with ``linked_slices``.

The slice of cell ``j`` is the mean of the ``stride`` slices of voxels that the cell covers: it lies
at the cell's centre and has half the noise power of a single one.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.models._blocks import check_patch
from tomoscout.models._fpn import PyramidNet

_PRIOR = -4.6  # logit: one cell in a hundred (RetinaNet's start, Lin et al., 2017)


class Settings(BaseSettings):
    """What can be set about the network."""

    context: int = Field(default=5, ge=1)
    """Slices seen at once, odd: 1 sees the slice alone, as YOLO does; 5 sees two on each side."""
    stride: Literal[1, 2, 4] = 2
    """Voxels per cell, along z, y and x alike."""
    widths: tuple[int, ...] = Field(default=(24, 48, 96, 128), min_length=1)
    """Channels of the levels, fine to coarse, the finest at ``stride``."""
    blocks: int = Field(default=2, ge=1)
    """Residual blocks per level."""
    features: int = Field(default=48, ge=1)
    """Channels of the pyramid and of the heads."""

    @field_validator("context")
    @classmethod
    def _odd(cls, context: int) -> int:
        if context % 2 == 0:
            raise ValueError(f"as many slices on each side: an odd number, found {context}")
        return context


class SliceDetector(nn.Module):
    """2-D network over the slices: `(b, c, z, y, x)` -> one map of ``sized`` logits.

    Parameters
    ----------
    settings
        The network's.
    in_channels
        Of the tomogram.
    out_channels
        One per object, and one for the size.
    """

    def __init__(self, settings: Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        if out_channels < 2:
            raise ValueError(f"an object and the size need 2 channels, got {out_channels}")
        self.context = settings.context
        self.strides: tuple[int, ...] = (settings.stride,)
        coarsest = settings.stride * 2 ** (len(settings.widths) - 1)
        self.divisor: tuple[int, int, int] = (settings.stride, coarsest, coarsest)
        self.body = PyramidNet(
            in_channels * settings.context,
            widths=settings.widths,
            blocks=settings.blocks,
            features=settings.features,
            stem=settings.stride,
        )
        self.centre = nn.Conv2d(settings.features, out_channels - 1, 1)
        self.size = nn.Conv2d(settings.features, 1, 1)
        with torch.no_grad():  # nearly every cell is no centre: the loss need not teach that first
            self.centre.get_parameter("bias").fill_(_PRIOR)
            self.centre.get_parameter("weight").mul_(0.5)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the logits, objects first and the size last, as the only item of a tuple."""
        check_patch(x, self.divisor)
        images, batch = self._slices(x), x.shape[0]
        features = self.body(images)
        logits = torch.cat([self.centre(features), self.size(features)], dim=1)
        return (logits.reshape(batch, -1, *logits.shape[1:]).transpose(1, 2),)

    def _slices(self, x: Tensor) -> Tensor:
        """Turn `(b, c, z, y, x)` into images `(b * slices, c * context, y, x)`.

        The slices beyond a patch's ends repeat its last ones.
        """
        x = avg_pool3d(x, (self.strides[0], 1, 1))
        count, side = x.shape[2], self.context // 2
        x = torch.cat([x[:, :, :1]] * side + [x] + [x[:, :, -1:]] * side, dim=2)
        x = torch.cat([x[:, :, k : k + count] for k in range(self.context)], dim=1)
        images = x.transpose(1, 2).flatten(0, 1)
        return images.contiguous(memory_format=torch.channels_last)


def build(settings: Settings, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network with random weights; ``out_channels`` counts the size."""
    return SliceDetector(settings, in_channels, out_channels)
