"""Normalisations by name, and which stands where in a network: one kind, or a mix of two.

Batch norm learns one scale from all patches and is exact in use; instance norm measures each patch
on its own and so takes tomograms of any contrast, but forgets how strong a patch's signal was.
``mix`` has instance norm where the tomogram comes in and batch norm everywhere deeper. Group norm
(Wu and He, 2018, arXiv:1803.08494) stands between the two and, as instance norm, does with one
patch a step.
"""

from __future__ import annotations

from math import gcd
from typing import Literal

from torch import nn

Kind = Literal["batch", "instance"]
NormKind = Literal["batch", "group", "instance"]

_GROUPS = 8  # of at least 8 channels each in the wide layers, where most weights are


def set_norm(module: nn.Module, kind: Kind) -> None:
    """Give every batch or instance norm inside a module the wanted kind, fresh.

    Parameters
    ----------
    module
        Part of a network; norms of other kinds (group, layer) stay.
    kind
        ``batch``, or ``instance`` without learnt scales, as MONAI builds it.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm3d | nn.InstanceNorm3d):
            make = nn.BatchNorm3d if kind == "batch" else nn.InstanceNorm3d
            setattr(module, name, make(child.num_features))
        else:
            set_norm(child, kind)


def norm2d(kind: NormKind, channels: int) -> nn.Module:
    """Return a normalisation of `(b, c, y, x)` with a scale and a shift per channel."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.GroupNorm(gcd(_GROUPS, channels), channels)


def norm3d(kind: NormKind, channels: int) -> nn.Module:
    """Return a normalisation of `(b, c, z, y, x)` with a scale and a shift per channel."""
    if kind == "batch":
        return nn.BatchNorm3d(channels)
    if kind == "instance":
        return nn.InstanceNorm3d(channels, affine=True)
    return nn.GroupNorm(gcd(_GROUPS, channels), channels)
