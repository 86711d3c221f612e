"""Focal Tversky and Focal Tversky++, with softmax and with sigmoid channels."""

from __future__ import annotations

import pytest
import torch
from monai.losses import TverskyLoss
from torch.nn.functional import one_hot

from tomoscout.losses import focal_tversky, focal_tversky_pp, sigmoid_focal_tversky_pp, tversky


def random_case():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4, 4)
    return logits, one_hot(torch.randint(0, 3, (2, 4, 4, 4)), 3).movedim(-1, 1).float()


def certain(*p: float) -> torch.Tensor:
    """Logits of a row of cells that hold one object with these probabilities."""
    guess = torch.tensor(p).view(1, 1, 1, 1, -1)
    return torch.cat([torch.zeros_like(guess), torch.logit(guess)], 1)


def row(*truth: float) -> torch.Tensor:
    return torch.tensor(truth).view(1, 1, 1, 1, -1)


def plus_plus(p, truth, *, false_alarm, miss, gamma=2.0, focus=1.33, smooth=1e-5):
    """The formula, one sample and class at a time."""
    total = 0.0
    for guess, right in zip(p.flatten(0, 1), truth.flatten(0, 1), strict=True):
        hit = (guess * right).sum()
        alarm = ((guess * (1 - right)) ** gamma).sum()
        missed = (((1 - guess) * right) ** gamma).sum()
        index = (hit + smooth) / (hit + false_alarm * alarm + miss * missed + smooth)
        total += (1 - index) ** focus
    return total / (p.shape[0] * p.shape[1])


@pytest.mark.parametrize("over", ["batch", "sample"])
@pytest.mark.parametrize("gamma", [0.75, 1.33])
def test_focal_tversky_is_the_mean_of_monais_tversky_losses_to_a_power(gamma, over):
    logits, truth = random_case()
    each = TverskyLoss(
        softmax=True, alpha=0.3, beta=0.7, batch=over == "batch", reduction="none"
    )(logits, truth)  # fmt: skip
    loss = focal_tversky.build(focal_tversky.Settings(gamma=gamma, over=over))
    torch.testing.assert_close(loss(logits, truth[:, 1:]), (each**gamma).mean())


def test_a_power_of_one_is_tversky():
    logits, truth = random_case()
    plain = tversky.build(tversky.Settings())(logits, truth[:, 1:])
    for module, powers in (
        (focal_tversky, {"gamma": 1}),
        (focal_tversky_pp, {"gamma": 1, "focus": 1}),
    ):
        loss = module.build(module.Settings(**powers))
        torch.testing.assert_close(loss(logits, truth[:, 1:]), plain)


def test_the_slope_stays_finite_where_a_class_is_perfect():
    logits = certain(0.5, 0.5).detach().mul(0).add(torch.tensor([0.0, 200.0]).view(1, 2, 1, 1, 1))
    logits.requires_grad_()
    focal_tversky.build(focal_tversky.Settings())(logits, row(1.0, 1.0)).backward()
    assert logits.grad.isfinite().all()


def test_plus_plus_by_hand():
    """p = 0.8, 0.4 in the object and 0.2 outside.

    hits 1.2, false alarms 0.2² = 0.04, misses 0.2² + 0.6² = 0.40:
    errors 0.3 * 0.04 + 0.7 * 0.40 = 0.292, (0.292 / 1.492) ** 1.33.
    """
    loss = focal_tversky_pp.build(focal_tversky_pp.Settings(background=False))
    found = float(loss(certain(0.8, 0.4, 0.2), row(1.0, 1.0, 0.0)))
    assert found == pytest.approx((0.292 / 1.492) ** 1.33, rel=1e-4)


def test_plus_plus_equals_its_formula_for_each_sample_and_class():
    logits, truth = random_case()
    settings = focal_tversky_pp.Settings(over="sample", false_alarm=0.2, miss=0.9)
    found = focal_tversky_pp.build(settings)(logits, truth[:, 1:])
    expected = plus_plus(logits.softmax(1), truth, false_alarm=0.2, miss=0.9)
    torch.testing.assert_close(found, expected)


def test_with_sigmoids_it_equals_the_formula_on_each_channel_also_where_targets_overlap():
    torch.manual_seed(0)
    logits, truth = torch.randn(2, 3, 4, 4, 4), torch.randint(0, 2, (2, 3, 4, 4, 4)).float()
    settings = sigmoid_focal_tversky_pp.Settings(over="sample")
    found = sigmoid_focal_tversky_pp.build(settings)(logits, truth)
    expected = plus_plus(logits.sigmoid(), truth, false_alarm=0.3, miss=0.7)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("module", [focal_tversky, focal_tversky_pp])
def test_misses_and_false_alarms_are_not_exchanged(module):
    """One whole particle of cells too few against one too many."""
    settings = module.Settings(background=False, false_alarm=0.1, miss=0.9)
    loss, truth = module.build(settings), row(1.0, 1.0, 0.0, 0.0)
    missed = loss(certain(0.999, 0.001, 0.001, 0.001), truth)
    alarmed = loss(certain(0.999, 0.999, 0.999, 0.001), truth)
    assert missed > 3 * alarmed


def test_plus_plus_leaves_a_doubtful_cell_in_doubt_where_tversky_decides():
    """A cell that is an object in every other patch: the best p is graded, not 0 or 1."""
    p = torch.linspace(0.01, 0.99, 99)
    truth = row(*[1.0] * 20, 1.0).expand(2, -1, -1, -1, -1).clone()
    truth[1, ..., -1] = 0
    best = {}
    for module in (tversky, focal_tversky_pp):
        loss = module.build(module.Settings(background=False, false_alarm=0.5, miss=0.5))
        costs = [
            float(loss(certain(*[0.99] * 20, float(x)).expand(2, -1, -1, -1, -1), truth)) for x in p
        ]
        best[module] = float(p[costs.index(min(costs))])
    assert best[tversky] in (pytest.approx(0.01), pytest.approx(0.99))
    assert 0.3 < best[focal_tversky_pp] < 0.9
