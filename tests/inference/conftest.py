"""Detectors with weights known by hand, for tests of what surrounds the network."""

from __future__ import annotations

import pytest
import torch

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.settings import Choice
from tomoscout.inference.weights import Card, Detector, build_network
from tomoscout.ops.normalise import NormaliseSettings

OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=60), ObjectType(name="small", radius=30))
)


def make_card(**changes) -> Card:
    """Card of a small scout_unet for two objects."""
    values = {
        "model": Choice(name="scout_unet", widths=[8, 16]),
        "objects": tuple(entry.model_dump() for entry in OBJECTS.each()),
        "activation": "softmax",
        "stride": 2,
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "patch": (32, 32, 32),
        "picker": Choice(name="local_max"),
        "thresholds": {"large": 0.4, "small": 0.6},
    }
    return Card(**{**values, **changes})


@pytest.fixture
def detector() -> Detector:
    """A network with random weights; its scores mean nothing but are always the same."""
    torch.manual_seed(0)
    card = make_card()
    return Detector(build_network(card).eval(), card)


class DarkSpots(torch.nn.Module):
    """Says 'large' wherever the mean of a 2x2x2 cell is darker than two deviations."""

    strides = (2,)
    divisor = (4, 4, 4)

    def forward(self, x):
        dark = -torch.nn.functional.avg_pool3d(x, 2)
        zero = torch.zeros_like(dark)
        return (torch.cat([zero, 4 * (dark - 2), zero - 9], dim=1),)


@pytest.fixture
def dark_spots() -> Detector:
    """A detector whose answers can be told by hand."""
    return Detector(DarkSpots(), make_card())
