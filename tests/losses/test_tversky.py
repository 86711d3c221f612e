from __future__ import annotations

import pytest
import torch
from monai.losses import TverskyLoss

from tomoscout.losses.tversky import Settings, build


def test_it_equals_monais_over_the_batch():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4, 4)
    label = torch.randint(0, 3, (2, 1, 4, 4, 4))
    theirs = TverskyLoss(
        softmax=True, to_onehot_y=True, alpha=0.3, beta=0.7, batch=True,
        smooth_nr=1e-5, smooth_dr=1e-5,
    )(logits, label)  # fmt: skip
    target = torch.cat([(label == 1), (label == 2)], 1).float()
    assert float(build(Settings())(logits, target)) == pytest.approx(float(theirs), abs=1e-6)


def test_a_miss_costs_more_than_a_false_alarm():
    target = torch.zeros(1, 1, 4, 4, 4)
    target[0, 0, :2] = 1.0
    few, many = torch.zeros(1, 2, 4, 4, 4), torch.zeros(1, 2, 4, 4, 4)
    few[:, 1], many[:, 1] = -9.0, -9.0
    few[0, 1, :1], many[0, 1, :3] = 9.0, 9.0
    loss = build(Settings(background=False))
    assert float(loss(few, target)) > float(loss(many, target))
