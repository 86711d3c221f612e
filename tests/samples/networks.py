"""Networks whose answers can be told by hand, at any stride, and detectors made of them."""

from __future__ import annotations

from typing import Any

import torch

from tomoscout.core.settings import Choice
from tomoscout.inference.weights import Card, Detector
from tomoscout.ops.normalise import NormaliseSettings

RADII = {"large": 60.0, "small": 30.0, "third": 45.0}


class Dark(torch.nn.Module):
    """Says of each cell how dark its mean is: ``gain`` per deviation, then a sigmoid.

    All objects but the first are ``below`` it by some logits each.
    """

    def __init__(self, *, stride: int = 2, gain: float = 1.0, objects: int = 2, below: float = 1.0):
        super().__init__()
        self.strides = (stride,)
        self.divisor = (stride, stride, stride)
        self.gain, self.objects, self.below = gain, objects, below
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        dark = -self.gain * torch.nn.functional.avg_pool3d(x, self.strides[0]) - 1
        return (torch.cat([dark - self.below * k for k in range(self.objects)], dim=1),)


class Softmax(torch.nn.Module):
    """The same with a background of logit 0 before it."""

    def __init__(self, inner: Dark):
        super().__init__()
        self.inner, self.strides, self.divisor = inner, inner.strides, inner.divisor

    def forward(self, x):
        logits = self.inner(x)[0]
        return (torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1),)


def make_detector(
    network: Any, names: tuple[str, ...] = ("large", "small"), **changes: Any
) -> Detector:
    """Give a network a card."""
    values = {
        "model": Choice(name="scout_unet", widths=[8, 16]),
        "objects": tuple({"name": name, "radius": RADII[name]} for name in names),
        "activation": "softmax" if isinstance(network, Softmax) else "sigmoid",
        "stride": network.strides[0],
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "patch": (32, 32, 32),
        "picker": Choice(name="local_max"),
        "thresholds": dict.fromkeys(names, 0.4),
    }
    return Detector(network, Card(**{**values, **changes}))


def dark(
    names: tuple[str, ...] = ("large", "small"),
    *,
    stride: int = 2,
    gain: float = 1.0,
    below: float = 1.0,
    softmax: bool = True,
    **changes: Any,
) -> Detector:
    """Make a detector of dark cells."""
    inner = Dark(stride=stride, gain=gain, objects=len(names), below=below)
    return make_detector(Softmax(inner) if softmax else inner, names, **changes)
