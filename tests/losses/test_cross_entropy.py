from __future__ import annotations

import pytest
import torch

from tomoscout.losses.cross_entropy import Settings, build


def test_it_equals_the_winners_loss_written_out():
    """Sum over classes of w_c * mean(-t_c log p_c), with background what is left (S4)."""
    torch.manual_seed(0)
    logits, target = torch.randn(2, 4, 3, 3, 3), torch.zeros(2, 3, 3, 3, 3)
    target[0, 1, 1, 1, 1] = 1.0
    target[1, 2, 0, 0, 0] = 0.4
    log_p = torch.log_softmax(logits, 1)
    background = 1 - target.sum(1)
    expected = -(background * log_p[:, 0]).mean()
    for c in range(3):
        expected = expected - 64.0 * (target[:, c] * log_p[:, c + 1]).mean()
    torch.testing.assert_close(build(Settings())(logits, target), expected)


def test_two_objects_in_one_cell_share_it():
    target = torch.zeros(1, 2, 1, 1, 1)
    target[:] = 1.0
    logits = torch.zeros(1, 3, 1, 1, 1)
    loss = build(Settings(object_weight=1.0))(logits, target)
    assert float(loss) == pytest.approx(float(torch.log(torch.tensor(3.0))))


def test_the_right_answer_costs_next_to_nothing():
    target = torch.zeros(1, 2, 2, 2, 2)
    target[0, 0, 0, 0, 0] = 1.0
    logits = torch.zeros(1, 3, 2, 2, 2)
    logits[:, 0] = 20.0
    logits[0, 0, 0, 0, 0], logits[0, 1, 0, 0, 0] = 0.0, 20.0
    assert float(build(Settings())(logits, target)) < 1e-5
