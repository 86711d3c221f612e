"""Networks at a size at which tests are quick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tomoscout.core.settings import validate
from tomoscout.models import MODELS


@pytest.fixture
def make_network(small_networks: dict[str, dict[str, Any]]) -> Callable[..., Any]:
    """Return a function that builds a network by name, with weights from a seed."""

    def make(name: str, *, seed: int = 0, channels: int = 7) -> Any:
        torch.manual_seed(seed)
        module = MODELS[name]
        settings = validate(module.Settings, small_networks.get(name, {}), source=name)
        return module.build(settings, 1, channels).eval()

    return make
