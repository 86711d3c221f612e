import pytest
import torch
from torch import nn

from tomoscout.training.optimiser import make_optimiser
from tomoscout.training.settings import TrainingSettings


def made(**options):
    network = nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2))
    settings = TrainingSettings(warmup=0, steps=4, weight_decay=0.1, **options)
    return make_optimiser(network.parameters(), settings, factor=lambda: 0.5)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)],
)
def test_only_kernels_decay_whatever_the_optimiser(name, kind):
    optimiser = made(optimizer=name)["optimizer"]
    assert type(optimiser) is kind
    decays = {p.ndim: g["weight_decay"] for g in optimiser.param_groups for p in g["params"]}
    assert decays == {5: 0.1, 1: 0.0}


def test_sgd_has_nesterovs_momentum():
    group = made(optimizer="sgd")["optimizer"].param_groups[0]
    assert (group["momentum"], group["nesterov"]) == (0.9, True)


def test_the_learning_rate_is_the_schedule_times_the_factor():
    parts = made(learning_rate=0.01, schedule="halving")
    optimiser, scheduler = parts["optimizer"], parts["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(4):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    assert rates == pytest.approx([0.005, 0.005, 0.0025, 0.0025])
