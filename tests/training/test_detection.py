from __future__ import annotations

import pytest
import torch

from tomoscout.training.detection import DetectionModule
from tomoscout.training.settings import TrainingSettings


def test_every_output_gets_its_share_of_the_loss_at_its_own_stride():
    class Two(torch.nn.Module):
        def forward(self, x):
            return torch.zeros(1, 3, 4, 4, 4), torch.ones(1, 3, 2, 2, 2)

    seen = []

    class Watch(torch.nn.Module):
        def forward(self, logits, target):
            seen.append((logits.mean().item(), tuple(target.shape), target.sum().item()))
            return logits.mean() + 1.0

    settings = TrainingSettings(level_weights=(0.25, 0.5))
    module = DetectionModule(Two(), Watch(), settings)
    target = torch.zeros(1, 2, 4, 4, 4)
    target[0, 0, 3, 3, 3] = 1.0
    loss = module.training_step({"image": torch.zeros(1, 1, 8, 8, 8), "target": target}, 0)
    assert float(loss) == pytest.approx(0.25 * 1.0 + 0.5 * 2.0)
    # One particle stays one cell at the coarser level.
    assert seen == [(0.0, (1, 2, 4, 4, 4), 1.0), (1.0, (1, 2, 2, 2, 2), 1.0)]


def test_norms_and_biases_do_not_decay():
    network = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 3), torch.nn.BatchNorm3d(2))
    made = DetectionModule(network, torch.nn.Identity(), TrainingSettings()).configure_optimizers()
    decays = {g["weight_decay"]: len(g["params"]) for g in made["optimizer"].param_groups}
    assert decays == {1e-2: 1, 0.0: 3}


def test_an_output_of_weight_nothing_costs_no_loss():
    class Two(torch.nn.Module):
        def forward(self, x):
            return torch.zeros(1, 3, 4, 4, 4), torch.ones(1, 3, 2, 2, 2)

    seen = []

    class Watch(torch.nn.Module):
        def forward(self, logits, target):
            seen.append(tuple(logits.shape[2:]))
            return logits.mean() + 1.0

    module = DetectionModule(Two(), Watch(), TrainingSettings(level_weights=(1.0, 0.0)))
    batch = {"image": torch.zeros(1, 1, 8, 8, 8), "target": torch.zeros(1, 2, 4, 4, 4)}
    assert float(module.training_step(batch, 0)) == 1.0
    assert seen == [(4, 4, 4)]


def test_adam_adds_the_decay_to_the_gradient_and_adamw_keeps_it_apart():
    moved = {}
    for name in ("adam", "adamw"):
        weight = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(weight.weight, 1.0)
        settings = TrainingSettings(optimizer=name, learning_rate=0.1, weight_decay=0.1, warmup=0)
        optimizer = DetectionModule(weight, weight, settings).configure_optimizers()["optimizer"]
        weight.weight.grad = torch.zeros_like(weight.weight)
        optimizer.step()
        moved[name] = 1.0 - weight.weight.item()
    # AdamW: rate * decay * weight; Adam: the decay alone is its gradient, a whole rate long.
    assert moved == pytest.approx({"adamw": 0.01, "adam": 0.1}, rel=1e-3)
