from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import TverskyLoss
from torch.nn.functional import one_hot

from tomoscout.losses.tversky import Settings, build


def random_case(seed: int = 0, classes: int = 3):
    torch.manual_seed(seed)
    logits = torch.randn(2, classes, 4, 4, 4)
    label = torch.randint(0, classes, (2, 1, 4, 4, 4))
    return logits, one_hot(label[:, 0], classes).movedim(-1, 1).float()


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("over", ["batch", "sample"])
@pytest.mark.parametrize(("false_alarm", "miss", "smooth"), [(0.3, 0.7, 1e-5), (1.0, 2.0, 0.5)])
def test_it_equals_monais(background, over, false_alarm, miss, smooth):
    logits, truth = random_case()
    theirs = TverskyLoss(
        softmax=True, include_background=background, alpha=false_alarm, beta=miss,
        batch=over == "batch", smooth_nr=smooth, smooth_dr=smooth,
    )(logits, truth)  # fmt: skip
    ours = build(
        Settings(
            background=background, over=over, false_alarm=false_alarm, miss=miss, smooth=smooth
        )
    )(logits, truth[:, 1:])
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("over", ["batch", "sample"])
def test_soft_targets_by_the_lesser_equal_monais_soft_labels(over):
    logits, truth = random_case()
    truth = torch.lerp(truth, truth.roll(1, 0), 0.3)
    theirs = TverskyLoss(
        softmax=True, alpha=0.3, beta=0.7, batch=over == "batch", soft_label=True
    )(logits, truth)  # fmt: skip
    ours = build(Settings(over=over, agreement="lesser"))(logits, truth[:, 1:])
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_by_the_lesser_a_soft_truth_is_its_own_best_answer_and_by_the_product_it_is_not():
    truth = torch.tensor([0.7, 0.3]).view(1, 2, 1, 1, 1).expand(1, 2, 2, 2, 2)
    surer = torch.tensor([0.9, 0.1]).view(1, 2, 1, 1, 1).expand(1, 2, 2, 2, 2)
    lesser, product = (build(Settings(agreement=a)) for a in ("lesser", "product"))
    assert float(lesser(truth.log(), truth[:, 1:])) < 1e-6 < lesser(surer.log(), truth[:, 1:])
    assert product(truth.log(), truth[:, 1:]) > 0.1


def test_a_case_by_hand():
    """Four cells, one object in the first two, p = 0.8, 0.4, 0.2, 0.

    hits 1.2, false alarms 0.2, misses 0.8: 1 - 1.2 / (1.2 + 0.3 * 0.2 + 0.7 * 0.8) = 0.62 / 1.82.
    """
    p = torch.tensor([0.8, 0.4, 0.2, 1e-9]).view(1, 1, 1, 1, 4)
    logits = torch.cat([torch.zeros_like(p), torch.logit(p)], 1)
    target = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 1, 1, 4)
    loss = build(Settings(background=False))(logits, target)
    assert float(loss) == pytest.approx(0.62 / 1.82, abs=1e-5)


def token_loss(p, truth, weights, *, miss=0.8, false_alarm=0.2, smooth=1e-5):
    """The token pipeline's weighted Tversky loss on (n, t, c), its sums written as loops."""
    total = 0.0
    for n in range(p.shape[0]):
        for c in range(p.shape[2]):
            guess, right = p[n, :, c], truth[n, :, c]
            hit = (guess * right).sum()
            missed = ((1 - guess) * right).sum()
            alarm = (guess * (1 - right)).sum()
            index = (hit + smooth) / (hit + miss * missed + false_alarm * alarm + smooth)
            total += 1 - weights[c] * index
    return total / (p.shape[0] * p.shape[2])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_on_tokens_it_equals_the_token_pipelines_up_to_a_constant(seed):
    """1 - w * index, meaned, is w * (1 - index), meaned, plus 1 - mean(w): the same slopes."""
    torch.manual_seed(seed)
    logits, label = torch.randn(3, 10, 4), torch.randint(0, 4, (3, 10))
    weights, truth = torch.rand(4), one_hot(label, 4).float()
    expected = token_loss(logits.softmax(-1), truth, weights)
    loss = build(
        Settings(false_alarm=0.2, miss=0.8, over="sample", weighing="product"), weights=weights
    )
    maps, target = (t.movedim(-1, 1)[..., None, None] for t in (logits, truth))
    found = loss(maps, target[:, 1:]) + 1 - weights.mean()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_weighing_by_mean_is_weighing_by_product_rescaled():
    logits, truth = random_case()
    weights = torch.tensor([1.0, 10.0, 20.0])
    mean, product = (
        build(Settings(weighing=how), weights=weights)(logits, truth[:, 1:])
        for how in ("mean", "product")
    )
    torch.testing.assert_close(product, mean * weights.mean())


@pytest.mark.parametrize("over", ["batch", "sample"])
def test_product_weights_each_samples_and_classs_loss_and_takes_the_mean(over):
    logits, truth = random_case()
    weights = torch.tensor([1.0, 10.0, 20.0])
    each = TverskyLoss(
        softmax=True, alpha=0.3, beta=0.7, batch=over == "batch", reduction="none",
        smooth_nr=1e-6, smooth_dr=1e-6,
    )(logits, truth)  # fmt: skip
    loss = build(Settings(over=over, weighing="product", smooth=1e-6), weights=weights)
    torch.testing.assert_close(loss(logits, truth[:, 1:]), (each * weights).mean())


def test_weights_fit_the_network_also_where_background_does_not_count():
    logits, truth = random_case()
    loss = build(Settings(background=False), weights=torch.tensor([99.0, 1.0, 0.0]))
    only = build(Settings(background=False), weights=torch.tensor([0.0, 1.0, 0.0]))
    torch.testing.assert_close(loss(logits, truth[:, 1:]), only(logits, truth[:, 1:]))


def test_an_absent_object_costs_nothing_over_the_batch_but_all_over_samples():
    logits, target = torch.zeros(2, 2, 4, 4, 4), torch.zeros(2, 1, 4, 4, 4)
    target[0, 0, :2] = 1.0
    logits[:, 1] = -6.0
    logits[0, 1, :2] = 6.0
    batch, sample = (build(Settings(over=o, background=False)) for o in ("batch", "sample"))
    assert float(batch(logits, target)) < 0.01
    assert float(sample(logits, target)) == pytest.approx(0.5, abs=0.01)


def test_a_miss_costs_more_than_a_false_alarm():
    target = torch.zeros(1, 1, 4, 4, 4)
    target[0, 0, :2] = 1.0
    few, many = torch.zeros(1, 2, 4, 4, 4), torch.zeros(1, 2, 4, 4, 4)
    few[:, 1], many[:, 1] = -9.0, -9.0
    few[0, 1, :1], many[0, 1, :3] = 9.0, 9.0
    loss = build(Settings(background=False))
    assert float(loss(few, target)) > float(loss(many, target))
