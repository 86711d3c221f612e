"""Networks at a size at which tests are quick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tomoscout.core.settings import validate
from tomoscout.models import MODELS

SMALL: dict[str, dict[str, Any]] = {
    "flexible_unet": {"encoder": "resnet10", "levels": (2, 4), "widths": (32, 32, 16, 16)},
    "resnet_unet": {"encoder": "resnet18", "width": 8, "decoder": (32, 16, 8, 8)},
    "sliding_unet25d": {"encoder": "convnext_atto", "decoder": (64, 48, 32)},
    "unet25d": {"encoder": "resnet18d", "decoder": (64, 48, 32, 24, 16)},
}
"""Options under which a network that is large as published is tested."""


@pytest.fixture
def make_network() -> Callable[..., Any]:
    """Return a function that builds a network by name, with weights from a seed."""

    def make(name: str, *, seed: int = 0, channels: int = 7) -> Any:
        torch.manual_seed(seed)
        module = MODELS[name]
        settings = validate(module.Settings, SMALL.get(name, {}), source=name)
        return module.build(settings, 1, channels).eval()

    return make
