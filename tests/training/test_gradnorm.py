"""Balancing the parts of a loss, against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from tomoscout.training.gradnorm import GradNorm, last_layers


def steps(balance: GradNorm, slopes: tuple[float, ...], count: int) -> torch.Tensor:
    """Losses that stay at 1, whose gradients at the only weight are ``slopes``."""
    for _ in range(count):
        weight = torch.zeros(1, 1, requires_grad=True)
        parts = [slope * weight.sum() + 1.0 for slope in slopes]
        balance.total(parts, [weight])
    return balance.weights


def test_a_part_with_nine_times_the_gradient_ends_with_a_ninth_of_the_weight():
    """Losses that fall alike: w1 * 9 = w2 * 1 and w1 + w2 = 2, so 0.2 and 1.8."""
    weights = steps(GradNorm(learning_rate=0.05, alpha=1.5), (9.0, 1.0), 300)
    torch.testing.assert_close(weights, torch.tensor([0.2, 1.8]), atol=0.05, rtol=0)


def test_one_step_is_the_one_worked_out_by_hand():
    """G = (3, 1), mean 2, both at the same pace: d|G - 2| / dw = (3, -1); through the softmax
    theta falls for the first and rises for the second, by Adam's first step: the learning rate."""
    balance = GradNorm(learning_rate=0.1, alpha=1.5)
    assert steps(balance, (3.0, 1.0), 10).tolist() == [1.0, 1.0], "it looks before it moves"
    weights = steps(balance, (3.0, 1.0), 1)
    expected = 2 * torch.softmax(torch.tensor([-0.1, 0.1]), 0)
    torch.testing.assert_close(weights, expected, atol=1e-4, rtol=0)


def test_a_part_that_lags_behind_gains_weight():
    """Alike in gradient, but the first is at a half of its start and the second at all of it."""
    balance = GradNorm(learning_rate=0.01, alpha=1.5)
    steps(balance, (1.0, 1.0), 10)
    for _ in range(50):
        weight = torch.zeros(1, 1, requires_grad=True)
        balance.total([weight.sum() + 0.5, weight.sum() + 1.0], [weight])
    # r = (2/3, 4/3): wanted slopes are r ** 1.5 = (0.54, 1.54) of their mean.
    assert balance.weights[1] > balance.weights[0] + 0.2


def test_the_total_is_the_weighted_sum_and_its_gradient_that_of_the_network_alone():
    balance = GradNorm(learning_rate=0.1, alpha=1.0)
    steps(balance, (3.0, 1.0), 20)
    first, second = balance.weights.tolist()
    weight = torch.full((1, 1), 2.0, requires_grad=True)
    total = balance.total([weight.sum(), weight.square().sum()], [weight])
    assert total.item() == pytest.approx(first * 2 + second * 4)
    total.backward()
    assert float(weight.grad) == pytest.approx(first + second * 4)


def test_batches_of_a_step_are_averaged():
    apart, together = GradNorm(learning_rate=0.1, alpha=1.5), None
    together = GradNorm(learning_rate=0.1, alpha=1.5, accumulate=2)
    steps(apart, (3.0, 1.0), 15)
    for _ in range(15):
        steps(together, (2.0, 0.5), 1)
        steps(together, (4.0, 1.5), 1)
    torch.testing.assert_close(apart.weights, together.weights)


def test_it_goes_on_where_it_was_saved():
    one, two = (GradNorm(learning_rate=0.1, alpha=1.5) for _ in range(2))
    steps(one, (3.0, 1.0), 15)
    two.load_state_dict(one.state_dict(), torch.device("cpu"))
    assert torch.equal(steps(one, (3.0, 1.0), 5), steps(two, (3.0, 1.0), 5))


@pytest.mark.parametrize("bf16", [False, True])
def test_the_last_layer_is_the_one_that_makes_the_output(bf16):
    body, head = torch.nn.Conv3d(1, 4, 3), torch.nn.Conv3d(4, 2, 1)
    norm, aside = torch.nn.BatchNorm3d(4), torch.nn.Conv3d(4, 2, 1)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        features = torch.relu(norm(body(torch.randn(1, 1, 6, 6, 6))))
        fine, coarse = head(features), aside(features)
    assert last_layers([fine.float()])[0] is head.weight
    found = last_layers([fine.float(), coarse.float().mean(-1)])
    assert [id(weight) for weight in found] == [id(head.weight), id(aside.weight)]
