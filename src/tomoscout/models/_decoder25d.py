"""What the 2.5-D networks share: slices that shrink along z between 2-D stages, and a 3-D decoder.

A 2-D encoder sees each slice on its own, and may have been trained on photographs; averaging
neighbouring slices between its stages lets it look along z too, and halves its work each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tomoscout.models._norms import NormKind, norm3d


def to_slices(volume: Tensor) -> Tensor:
    """Turn slices into items of the batch: `(b, c, z, y, x)` -> `(b * z, c, y, x)`."""
    return volume.transpose(1, 2).flatten(0, 1)


def to_volume(slices: Tensor, like: Tensor) -> Tensor:
    """Stack slices again as they were in ``like``: `(b * z, c, y, x)` -> `(b, c, z, y, x)`."""
    batch, _, depth = like.shape[:3]
    return slices.reshape(batch, depth, *slices.shape[1:]).transpose(1, 2)


def encode(
    volume: Tensor, steps: Sequence[Callable[[Tensor], Tensor]], depth_pools: Sequence[int]
) -> list[Tensor]:
    """Run 2-D steps on all slices, and average slices after each.

    Parameters
    ----------
    volume
        `(b, c, z, y, x)`.
    steps
        The encoder's, from each stride to the next.
    depth_pools
        How many neighbouring slices become one after each step.

    Returns
    -------
    list of Tensor
        The feature volume after each step, fine to coarse.
    """
    features = []
    for step, pool in zip(steps, depth_pools, strict=True):
        stepped = to_volume(step(to_slices(volume)), volume)
        volume = F.avg_pool3d(stepped, (pool, 1, 1)) if pool > 1 else stepped
        features.append(volume)
    return features


class ConvNormReLU(nn.Sequential):
    """A 3x3x3 convolution with its normalisation: `(b, in, z, y, x)` -> `(b, out, z, y, x)`."""

    def __init__(self, in_channels: int, out_channels: int, norm: NormKind) -> None:
        super().__init__(
            nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False),
            norm3d(norm, out_channels),
            nn.ReLU(),
        )


class Up(nn.Module):
    """Enlarge to the next finer features, join them and convolve twice.

    Parameters
    ----------
    in_channels, skip_channels, out_channels
        Of the coarse features, of the finer ones (0 where there are none) and of the result.
    depth
        Factor along z; 2 along y and x.
    norm
        Normalisation.
    """

    def __init__(
        self, in_channels: int, skip_channels: int, out_channels: int, depth: int, norm: NormKind
    ) -> None:
        super().__init__()
        self.factors = [float(depth), 2.0, 2.0]
        self.convs = nn.Sequential(
            ConvNormReLU(in_channels + skip_channels, out_channels, norm),
            ConvNormReLU(out_channels, out_channels, norm),
        )

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """Return features as fine as the skipped ones."""
        x = F.interpolate(x, scale_factor=self.factors, mode="nearest")
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        y: Tensor = self.convs(x)
        return y


def decode(features: Sequence[Tensor], ups: nn.ModuleList) -> Tensor:
    """Go from the coarsest features back to finer ones; ups may go one step beyond the finest."""
    *finer, x = features
    for up in ups:
        x = up(x, finer.pop() if finer else None)
    return x
