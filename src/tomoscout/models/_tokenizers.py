"""From voxels to tokens: one vector per block of voxels, by one convolution or by several."""

from __future__ import annotations

from torch import nn


def linear_tokenizer(in_channels: int, width: int, *, edge: int) -> nn.Module:
    """Return a linear map of each block of voxels: a convolution whose stride is its kernel.

    Parameters
    ----------
    in_channels, width
        Channels of the patch, and length of a token.
    edge
        Voxels of a block along each axis.
    """
    return nn.Conv3d(in_channels, width, edge, stride=edge)


def cnn_tokenizer(in_channels: int, width: int, *, edge: int) -> nn.Module:
    """Return a small network that looks at the voxels before it halves and cuts them into blocks.

    Three 3x3x3 convolutions at full resolution, one that halves it, and a linear map of blocks of
    half the edge. Sees across the borders of tokens, at hundreds of times the price.

    Parameters
    ----------
    in_channels, width
        Channels of the patch, and length of a token.
    edge
        Voxels of a token along each axis; even.
    """
    half = max(width // 2, 1)
    return nn.Sequential(
        *_convolution(in_channels, half),
        *_convolution(half, half),
        *_convolution(half, width),
        nn.Conv3d(width, width, 3, stride=2, padding=1),
        nn.Conv3d(width, width, edge // 2, stride=edge // 2),
    )


def _convolution(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    """One 3x3x3 convolution with batch norm."""
    return (
        nn.Conv3d(in_channels, out_channels, 3, padding=1),
        nn.BatchNorm3d(out_channels),
        nn.GELU(),
    )
