from __future__ import annotations

import pytest
import torch

from tomoscout.training.detection import DetectionModule
from tomoscout.training.schedule import schedule
from tomoscout.training.settings import TrainingSettings


def test_cosine_rises_then_falls_to_nothing():
    share = schedule(TrainingSettings(steps=100, warmup=10))
    assert share(0) == pytest.approx(1 / 11)
    assert share(10) == pytest.approx(1.0)
    assert share(55) == pytest.approx(0.5)
    assert share(100) == pytest.approx(0.0)


def test_halving_drops_to_a_half_at_half_time():
    share = schedule(TrainingSettings(steps=100, warmup=0, schedule="halving"))
    assert (share(49), share(50), share(99)) == (1.0, 0.5, 0.5)


def test_constant_stays():
    share = schedule(TrainingSettings(steps=100, warmup=0, schedule="constant"))
    assert {share(n) for n in range(100)} == {1.0}


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
