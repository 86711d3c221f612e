from __future__ import annotations

import pytest
import torch
from torch import nn

from tomoscout.losses.heatmap_mse import Settings, build


def case(p: list[list[float]], truth: list[list[float]]):
    """Logits and target of rows of cells, one row for each object."""
    guess, right = (torch.tensor(rows)[None, :, None, None, :] for rows in (p, truth))
    return torch.logit(guess), right


def test_weighted_errors_by_hand():
    """Errors 0.2, 0.3, 0.1 at truths 1, 0.5, 0: mean of 0.04 * 1.1, 0.09 * 0.6, 0.01 * 0.1."""
    logits, truth = case([[0.8, 0.2, 0.1]], [[1.0, 0.5, 0.0]])
    loss = build(Settings(mode="weighted"))
    assert float(loss(logits, truth)) == pytest.approx((0.044 + 0.054 + 0.001) / 3, rel=1e-5)


def test_balanced_errors_by_hand():
    """Mean of 0.04 and 0.09 inside the bump, plus mean of 0.01, 0.01 and 0.04 outside."""
    logits, truth = case([[0.8, 0.2, 0.1, 0.1, 0.2]], [[1.0, 0.5, 0.0, 0.0, 0.0]])
    assert float(build(Settings())(logits, truth)) == pytest.approx(0.065 + 0.02, rel=1e-5)


@pytest.mark.parametrize("mode", ["balanced", "weighted"])
def test_weights_take_the_weighted_mean_of_the_objects(mode):
    first = case([[0.8, 0.2, 0.1]], [[1.0, 0.5, 0.0]])
    second = case([[0.1, 0.6, 0.4]], [[0.0, 1.0, 0.0]])
    settings = Settings(mode=mode)
    one, two = (build(settings)(*c) for c in (first, second))
    both = [torch.cat(pair, 1) for pair in zip(first, second, strict=True)]
    loss = build(settings, weights=torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(loss(*both), (one + 3 * two) / 4)


def test_balanced_a_rare_bump_weighs_as_much_as_a_common_one():
    """The same particle found half, in a small and in a large field."""
    costs = []
    for size in (16, 64):
        truth = torch.zeros(1, 1, 1, size, size)
        truth[..., 4:7, 4:7] = 0.5
        guess = (0.5 * truth).clamp(min=1e-6)
        costs.append(float(build(Settings())(torch.logit(guess), truth)))
    assert costs[0] == pytest.approx(costs[1], rel=1e-3)


@pytest.mark.parametrize("mode", ["balanced", "weighted"])
def test_a_network_that_starts_out_believing_in_nothing_still_learns(mode):
    """Sigmoids are nearly flat at logits of -6; a few steps of AdamW must leave that all the same.

    The brightness of the input says where the bump is.
    """
    torch.manual_seed(0)
    image = torch.zeros(1, 1, 6, 6, 6)
    image[..., 2:4, 2:4, 2:4] = 1.0
    head = nn.Conv3d(1, 1, 1)
    nn.init.constant_(head.bias, -6.0)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.1)
    loss = build(Settings(mode=mode))
    for _ in range(150):
        optimizer.zero_grad()
        loss(head(image), image).backward()
        optimizer.step()
    p = head(image).sigmoid().detach()
    assert float(p[image > 0].min()) > 0.7
    assert float(p[image == 0].max()) < 0.2
