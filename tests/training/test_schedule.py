"""Learning rates as numbers, and what follows the validation score."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging

from tomoscout.data.module import EpochSampler
from tomoscout.training import around as loop_around
from tomoscout.training.patience import DropOnPlateau, StopEarly
from tomoscout.training.progress import Progress
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


@pytest.mark.parametrize("kind", ["cosine", "constant", "halving", "plateau"])
def test_every_schedule_warms_up(kind):
    share = schedule(TrainingSettings(steps=100, warmup=4, schedule=kind))
    assert [share(n) for n in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_averaging_holds_a_learning_rate_of_its_own():
    settings = TrainingSettings(
        steps=100, warmup=0, learning_rate=1e-3, ema=0, swa=0.6, swa_learning_rate=1e-4
    )
    share = schedule(settings)
    assert share(59) > 0.3
    assert [share(n) for n in (60, 99)] == pytest.approx([0.1, 0.1])


def validated(callback: DropOnPlateau, scores: list[float], rate: float = 1e-2) -> list[float]:
    """Learning rates after validations with these scores."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    trainer, module = Mock(spec=Trainer, optimizers=[optimizer]), Mock(spec=LightningModule)
    callback.on_train_start(trainer, module)
    rates = []
    for score in scores:
        trainer.callback_metrics = {"weighted": torch.tensor(score)}
        callback.on_validation_end(trainer, module)
        rates.append(optimizer.param_groups[0]["lr"])
    assert module.plateau_share == pytest.approx(rates[-1] / rate)
    return rates


def test_plateau_drops_after_patience_and_starts_to_count_anew():
    drops = DropOnPlateau(patience=2, factor=0.5)
    scores = [0.5, 0.6, 0.6, 0.5, 0.4, 0.3, 0.3, 0.3]
    rates = [1e-2] * 4 + [5e-3] * 3 + [2.5e-3]
    assert validated(drops, scores) == pytest.approx(rates)


def test_plateau_goes_on_where_it_was_saved():
    whole, first, second = (DropOnPlateau(patience=1, factor=0.5) for _ in range(3))
    expected = validated(whole, [0.5, 0.5, 0.5, 0.5, 0.5])
    half = validated(first, [0.5, 0.5, 0.5])
    second.load_state_dict(first.state_dict())
    optimizer_rate = half[-1]
    assert validated_from(second, [0.5, 0.5], optimizer_rate) == pytest.approx(expected[3:])


def validated_from(callback: DropOnPlateau, scores: list[float], rate: float) -> list[float]:
    """As above, from an optimiser that was restored."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    trainer, module = Mock(spec=Trainer, optimizers=[optimizer]), Mock(spec=LightningModule)
    callback.on_train_start(trainer, module)
    assert module.plateau_share == callback.share
    rates = []
    for score in scores:
        trainer.callback_metrics = {"weighted": torch.tensor(score)}
        callback.on_validation_end(trainer, module)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_a_training_that_was_stopped_early_stays_stopped():
    stop = StopEarly(2)
    trainer = Mock(spec=Trainer, should_stop=False)
    stop.on_train_start(trainer, Mock(spec=LightningModule))
    assert not trainer.should_stop
    stop.wait_count = 2
    stop.on_train_start(trainer, Mock(spec=LightningModule))
    assert trainer.should_stop


def test_an_average_never_reaches_far_back_into_a_short_training():
    assert TrainingSettings(steps=2000, ema=0.99).ema_decay == 0.99
    assert TrainingSettings(steps=100, ema=0.99).ema_decay == 0.9
    assert TrainingSettings(steps=100, ema=0.5).ema_decay == 0.5
    assert TrainingSettings(steps=5, warmup=0, validate_every=5).ema_decay == 0.0
    start = TrainingSettings(steps=150, ema=0.99).ema_decay ** 150
    assert start < 1e-4  # what is left of the first weights


def test_the_loop_averages_with_the_capped_share(tmp_path, monkeypatch):
    made = Mock(wraps=EMAWeightAveraging)
    monkeypatch.setattr(loop_around, "EMAWeightAveraging", made)
    for steps, decay in ((100, 0.9), (5000, 0.99)):
        settings = TrainingSettings(steps=steps, ema=0.99)
        loop_around.around(
            settings, folder=tmp_path, device=torch.device("cpu"),
            sampler=Mock(spec=EpochSampler), columns=[], scores={},
            progress=Progress(steps=steps), tell=None,
        )  # fmt: skip
        assert made.call_args.kwargs["decay"] == decay
