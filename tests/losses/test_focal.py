from __future__ import annotations

import math

import pytest
import torch
from monai.losses import FocalLoss
from torch.nn.functional import one_hot

from tomoscout.losses import cross_entropy
from tomoscout.losses.focal import Settings, build

WEIGHTS = torch.tensor([1.0, 10.0, 3.5])


def random_case(soft: bool = False):
    torch.manual_seed(0)
    logits = 2 * torch.randn(2, 3, 4, 4, 4)
    truth = one_hot(torch.randint(0, 3, (2, 4, 4, 4)), 3).movedim(-1, 1).float()
    return logits, torch.lerp(truth, truth.roll(1, 0), 0.3) if soft else truth


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("gamma", [0.5, 2.0, 3.0])
def test_it_equals_monais_summed_over_classes(soft, gamma):
    """They take the mean over classes too; weights stand outside the discount in both."""
    logits, truth = random_case(soft)
    theirs = FocalLoss(use_softmax=True, gamma=gamma, weight=WEIGHTS)(logits, truth)
    ours = build(Settings(gamma=gamma), weights=WEIGHTS)(logits, truth[:, 1:])
    torch.testing.assert_close(ours, 3 * theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reduction", ["cells", "weights"])
def test_without_discount_it_is_cross_entropy(reduction):
    logits, truth = random_case(soft=True)
    focal = build(Settings(gamma=0, reduction=reduction), weights=WEIGHTS)
    plain = cross_entropy.build(cross_entropy.Settings(reduction=reduction), weights=WEIGHTS)
    torch.testing.assert_close(focal(logits, truth[:, 1:]), plain(logits, truth[:, 1:]))


@pytest.mark.parametrize("weight", [1.0, 20.0])
def test_a_case_by_hand_and_the_weight_does_not_blunt_the_discount(weight):
    """One cell of the object, found at p = 0.9: weight * 0.1 ** 2 * -log(0.9)."""
    logits = torch.tensor([0.0, math.log(9)]).view(1, 2, 1, 1, 1)
    loss = build(Settings(object_weight=weight))(logits, torch.ones(1, 1, 1, 1, 1))
    assert float(loss) == pytest.approx(weight * 0.01 * -math.log(0.9), rel=1e-5)


def test_a_low_gamma_has_a_finite_slope_where_the_network_is_right():
    logits = torch.tensor([0.0, 200.0]).view(1, 2, 1, 1, 1).requires_grad_()
    build(Settings(gamma=0.5))(logits, torch.ones(1, 1, 1, 1, 1)).backward()
    assert logits.grad.isfinite().all()
