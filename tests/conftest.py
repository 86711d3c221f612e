"""What every test may count on: a fixed number of threads, and hypothesis without a clock."""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest
import torch

# Tests side by side share the cores, and threads beyond their number wait for each other.
_THREADS = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
torch.set_num_threads(_THREADS)
os.environ.setdefault("OMP_NUM_THREADS", str(_THREADS))  # for what tests start

# A busy machine is no reason to fail: speed is shown in benchmarks, never asserted in tests.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


SMALL: dict[str, dict[str, Any]] = {
    "flexible_unet": {"encoder": "resnet10", "levels": (2, 4), "widths": (32, 32, 16, 16)},
    "resnet_unet": {"encoder": "resnet18", "width": 8, "decoder": (32, 16, 8, 8)},
    "sliding_unet25d": {"encoder": "convnext_atto", "decoder": (64, 48, 32)},
    "unet25d": {"encoder": "resnet18d", "decoder": (64, 48, 32, 24, 16)},
}
"""Options under which a network that is large as published is tested."""


@pytest.fixture
def small_networks() -> dict[str, dict[str, Any]]:
    return SMALL
