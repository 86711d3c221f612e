"""What every loss of the family promises."""

from __future__ import annotations

import pytest
import torch

from tomoscout.losses import LOSSES
from tomoscout.targets import TARGETS


@pytest.mark.parametrize("name", LOSSES.names())
def test_a_loss_names_real_targets_and_falls_when_learning(name):
    module = LOSSES[name]
    assert module.ACTIVATION in ("softmax", "sigmoid")
    assert set(module.TARGETS) <= set(TARGETS.names())
    torch.manual_seed(0)
    channels = 3 if module.ACTIVATION == "softmax" else 2
    logits = torch.zeros(1, channels, 4, 4, 4, requires_grad=True)
    target = torch.zeros(1, 2, 4, 4, 4)
    target[0, 0, 1:3, 1:3, 1:3] = 1.0
    loss = module.build(module.Settings())
    optimizer = torch.optim.SGD([logits], lr=1.0)
    values = []
    for _ in range(20):
        value = loss(logits, target)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < values[0]
    assert value.dtype == torch.float32
