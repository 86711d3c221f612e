"""Normalisation layers by name, in 2-D and 3-D.

Batch norm needs several patches a step to know a mean from a coincidence; group norm (Wu and He,
2018, arXiv:1803.08494) and instance norm do with one.
"""

from __future__ import annotations

from math import gcd
from typing import Literal

from torch import nn

NormKind = Literal["batch", "group", "instance"]

_GROUPS = 8  # of at least 8 channels each in the wide layers, where most weights are


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
