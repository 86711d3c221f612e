"""The focal loss of centres by hand, and what counts as a disc's top."""

import math

import numpy as np
import pytest
import torch

from tomoscout.losses.slice_detection import Settings, build


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def one_disc(value: float, size: int = 7, objects: int = 2) -> torch.Tensor:
    target = torch.zeros(1, objects, 1, size, size)
    target[0, 0, 0, 3, 3] = value
    return target


def test_centres_are_centernets_penalty_reduced_focal_loss():
    """One top of 1 with a shoulder of 0.5, as in the paper's equation 1 (alpha 2, beta 4)."""
    target = one_disc(1.0, objects=1)
    target[0, 0, 0, 3, 4] = 0.5
    logits = torch.full((1, 2, 1, 7, 7), -2.0)
    logits[0, 0, 0, 3, 3], logits[0, 0, 0, 3, 4] = 1.0, 0.5
    top, shoulder, rest = sigmoid(1.0), sigmoid(0.5), sigmoid(-2.0)
    expected = -((1 - top) ** 2 * math.log(top))
    expected -= 0.5**4 * shoulder**2 * math.log(1 - shoulder)
    expected -= 47 * rest**2 * math.log(1 - rest)
    centre, _ = build(Settings()).parts(logits, target)
    assert float(centre) == pytest.approx(expected, rel=1e-5)


def test_sizes_are_cross_entropy_around_the_top_alone():
    target = one_disc(0.8)
    logits = torch.zeros(1, 3, 1, 7, 7)
    logits[:, -1] = 5.0  # wrong everywhere but near the top, where it matters
    logits[0, -1, 0, 2:5, 2:5] = math.log(0.7 / 0.3)
    _, size = build(Settings()).parts(logits, target)
    expected = -(0.8 * math.log(0.7) + 0.2 * math.log(0.3))
    assert float(size) == pytest.approx(expected, rel=1e-5)


def test_the_best_answer_is_a_sure_centre_and_the_very_size():
    target = one_disc(0.8)
    logits = torch.full((1, 3, 1, 7, 7), -9.0, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.4)
    loss = build(Settings())
    for _ in range(120):
        optimizer.zero_grad()
        loss(logits, target).backward()
        optimizer.step()
    centre, _, size = torch.sigmoid(logits.detach())[0, :, 0, 3, 3].tolist()
    assert centre > 0.9
    assert size == pytest.approx(0.8, abs=0.01)
    assert torch.sigmoid(logits.detach())[0, 0, 0, 0, 0] < 1e-3


def test_a_thin_disc_is_wanted_less_than_a_full_one():
    slopes = []
    for value in (0.3, 0.6, 1.0):
        logits = torch.zeros(1, 3, 1, 7, 7, requires_grad=True)
        # Beside a full disc, so that the sum of the tops does not even it out.
        target = torch.cat([one_disc(value), one_disc(1.0)], 3)
        build(Settings())(torch.cat([logits, logits.detach()], 3), target).backward()
        slopes.append(float(logits.grad[0, 0, 0, 3, 3]))
    assert slopes[0] > slopes[1] > slopes[2]


def test_cells_on_the_edge_are_no_tops():
    target = torch.zeros(1, 1, 1, 7, 7)
    target[..., 3, 0] = 1.0  # the slope of a disc whose axis lies outside
    logits = torch.zeros(1, 2, 1, 7, 7, requires_grad=True)
    build(Settings())(logits, target).backward()
    assert logits.grad[0, 0, 0, 3, 0] == 0  # neither wanted nor a false alarm
    assert not logits.grad[:, -1].any()


def test_a_mixed_disc_is_as_large_as_it_is_there():
    disc = one_disc(1.0)
    logits = torch.zeros(1, 3, 1, 7, 7, requires_grad=True)
    _, size = build(Settings()).parts(logits, 0.3 * disc)
    size.backward()
    at = logits.grad[0, -1, 0, 3, 3] / logits.grad[0, -1].sum()
    assert at == pytest.approx(1 / 9)
    assert logits.grad[0, -1, 0, 3, 3] > 0  # 0.5 is more than 0.3
    _, faint = build(Settings()).parts(logits, 0.05 * disc)
    assert float(faint.detach()) == 0


def test_slices_do_not_see_each_other():
    rng = np.random.default_rng(0)
    target = torch.from_numpy(rng.random((1, 2, 4, 9, 9)).astype(np.float32)) ** 8
    logits = torch.from_numpy(rng.normal(size=(1, 3, 4, 9, 9)).astype(np.float32))
    loss = build(Settings())
    order = [2, 0, 3, 1]
    torch.testing.assert_close(loss(logits, target), loss(logits[:, :, order], target[:, :, order]))
