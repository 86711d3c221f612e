"""The puzzle: its terms by hand, and what each kind of picture does to batch norms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.classifiers.transformer_head import Settings as HeadSettings
from tomoscout.classifiers.transformer_head import build as build_head
from tomoscout.lessons.puzzle import Settings, build, from_uniform, own_statistics
from tomoscout.ops.puzzle import draw_orders, draw_turns, shuffle, turn

KEYS = torch.tensor([[0, i] for i in range(4)])
LABELS = torch.tensor([0, 1, 2, 1])


def head(norm="batch"):
    torch.manual_seed(0)
    backbone = {"name": "resnet3d", "widths": [8, 8], "norm": norm}
    return build_head(HeadSettings(backbone=backbone, grid=2, layers=1, heads=2, dropout=0), 3)


def crops(seed=0):
    return torch.randn(4, 1, 8, 8, 8, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=25)
@given(classes=st.integers(2, 20), seed=st.integers(0, 2**32 - 1), scale=st.floats(0.0, 10.0))
def test_the_uniform_terms_are_kl_to_uniform_and_the_logarithm_of_the_classes(classes, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(5, classes, generator=generator, dtype=torch.float64)
    q = torch.softmax(logits, dim=1)
    kl = (1 / classes * (math.log(1 / classes) - q.log())).sum(dim=1).mean()
    assert float(from_uniform(logits)) == pytest.approx(float(kl) + math.log(classes), abs=1e-9)


def test_no_answer_at_all_costs_the_logarithm_of_the_classes():
    assert float(from_uniform(torch.zeros(3, 14))) == pytest.approx(math.log(14))


@pytest.mark.parametrize(("a", "b"), [(0.4, 0.1), (0.5, 0.05)])
def test_the_loss_is_the_weighted_sum_of_four_looks_made_by_hand(a, b):
    """With group norm nothing depends on what else goes through: looks can be made one by one."""
    net, x = head("group").eval(), crops()
    order = draw_orders(KEYS, 8, seed=5)
    turns = draw_turns(KEYS, chance=0.5, seed=5)
    assert turns.any()
    pieces = shuffle(turn(x, turns), order, (2, 2, 2))
    with torch.no_grad():
        told = build(Settings(a=a, b=b, rotate=0.5), seed=5)(net, x, LABELS, KEYS)
        logs = [
            torch.log_softmax(net(*given).double(), dim=1)
            for given in ((x,), (pieces, order), (x, order), (pieces,))
        ]
    rows = torch.arange(4)
    by_hand = [float(-log[rows, LABELS].mean()) for log in logs[:2]]
    by_hand += [float(-log.mean()) for log in logs[2:]]
    found = [float(told[name]) for name in ("nn", "ss", "ns", "sn")]
    assert found == pytest.approx(by_hand, abs=1e-5)
    total = a * (by_hand[0] + by_hand[1]) + b * (by_hand[2] + by_hand[3])
    assert float(told["loss"]) == pytest.approx(total, abs=1e-5)


def test_shuffled_pictures_leave_no_trace_in_batch_norms():
    taught, plain = head().train(), head().train()
    build(Settings(), seed=0)(taught, crops(), LABELS, KEYS)
    plain(crops())
    ours, theirs = dict(taught.named_buffers()), dict(plain.named_buffers())
    assert any("running_mean" in name for name in ours)
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=0, atol=0)


def test_normal_crops_are_seen_as_if_there_were_no_puzzle():
    net, x = head().train(), crops()
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(net(x), LABELS)
        told = build(Settings(), seed=0)(net, x, LABELS, KEYS)
    torch.testing.assert_close(told["nn"], expected)


def test_shuffled_pictures_are_normalised_by_their_own_batch_in_validation_too():
    net, x = head(), crops()
    with torch.no_grad():
        trained = build(Settings(), seed=0)(net.train(), x, LABELS, KEYS)
        used = build(Settings(), seed=0)(net.eval(), x, LABELS, KEYS)
    torch.testing.assert_close(used["ss"], trained["ss"])
    assert not torch.equal(used["nn"], trained["nn"])


def test_norms_are_put_back_even_after_an_error():
    net = head().eval()

    def fail():
        with own_statistics(net):
            assert any(module.training for module in net.modules())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not any(module.training for module in net.modules())


def test_what_does_not_fit_gives_a_slope_towards_saying_nothing():
    logits = torch.tensor([[3.0, -1.0, 0.0]], requires_grad=True)
    from_uniform(logits).backward()
    expected = torch.softmax(logits.detach(), 1) - 1 / 3
    torch.testing.assert_close(logits.grad, expected)
