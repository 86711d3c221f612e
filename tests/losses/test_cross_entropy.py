from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tomoscout.losses.cross_entropy import Settings, build

WEIGHTS = torch.tensor([1.0, 10.0, 0.0, 3.5])
ALIKE = torch.ones(4)


def random_case(seed: int = 0, soft: bool = False):
    """Logits, a target without background, and the truth with it: indices, or shares if soft."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, 4, 3, 4, 5, generator=generator)
    label = torch.randint(0, 4, (2, 3, 4, 5), generator=generator)
    truth = functional.one_hot(label, 4).movedim(-1, 1).float()
    if soft:
        truth = torch.lerp(truth, truth.roll(1, 0), 0.3)
    return logits, truth[:, 1:], truth if soft else label


def test_it_equals_the_winners_loss_written_out():
    """Sum over classes of w_c * mean(-t_c log p_c), with background what is left."""
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


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [WEIGHTS, ALIKE])
def test_hard_targets_divided_by_weights_equal_pytorchs(weights, smoothing):
    logits, target, label = random_case()
    loss = build(
        Settings(reduction="weights", label_smoothing=smoothing, smoothing_weight="class"),
        weights=weights,
    )
    theirs = functional.cross_entropy(logits, label, weights, label_smoothing=smoothing)
    torch.testing.assert_close(loss(logits, target), theirs)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [WEIGHTS, ALIKE])
def test_soft_targets_divided_by_cells_equal_pytorchs(weights, smoothing):
    logits, target, truth = random_case(soft=True)
    loss = build(Settings(label_smoothing=smoothing, smoothing_weight="class"), weights=weights)
    theirs = functional.cross_entropy(logits, truth, weights, label_smoothing=smoothing)
    torch.testing.assert_close(loss(logits, target), theirs)


def test_smoothing_with_equal_weights_equals_pytorchs_whoever_weighs_it():
    logits, target, label = random_case()
    loss = build(Settings(object_weight=1, label_smoothing=0.2))
    theirs = functional.cross_entropy(logits, label, label_smoothing=0.2)
    torch.testing.assert_close(loss(logits, target), theirs)


@pytest.mark.parametrize(("whose", "best"), [("cell", 0.925), ("class", 0.5522)])
def test_heavy_objects_do_not_creep_into_smoothed_background(whose, best):
    """One cell of background; the loss is lowest where p follows the weighted, smoothed truth.

    cell: 0.9 + 0.1 / 4. class: (0.9 + 0.025) / (0.9 + 0.025 * (1 + 3 * 10)) = 0.925 / 1.675.
    """
    logits, target = torch.zeros(1, 4, 1, 1, 1, requires_grad=True), torch.zeros(1, 3, 1, 1, 1)
    loss = build(Settings(object_weight=10, label_smoothing=0.1, smoothing_weight=whose))
    optimizer = torch.optim.LBFGS([logits], max_iter=30, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss(logits, target)
        value.backward()
        return value

    optimizer.step(closure)
    assert float(logits.detach().softmax(1)[0, 0]) == pytest.approx(best, abs=1e-3)


def test_given_weights_replace_the_objects_weight():
    logits, target, _ = random_case(1)
    named = build(Settings(object_weight=7.0))(logits, target)
    given_ = build(Settings(object_weight=99.0), weights=torch.tensor([1.0, 7.0, 7.0, 7.0]))
    torch.testing.assert_close(given_(logits, target), named)


@settings(deadline=None, max_examples=30)
@given(factor=st.floats(0.01, 100), seed=st.integers(0, 100), smoothing=st.floats(0, 0.5))
def test_divided_by_weights_only_their_ratios_count(factor, seed, smoothing):
    logits, target, _ = random_case(seed)
    options = Settings(reduction="weights", label_smoothing=smoothing)
    first, second = (build(options, weights=w)(logits, target) for w in (WEIGHTS, factor * WEIGHTS))
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


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


@pytest.mark.parametrize("smoothing", ["cell", "class"])
def test_cells_that_nobody_weighs_teach_nothing_also_when_smoothed(smoothing):
    loss = build(
        Settings(reduction="weights", label_smoothing=0.1, smoothing_weight=smoothing),
        weights=torch.tensor([0.0, 1.0, 1.0, 1.0]),
    )
    assert float(loss(random_case()[0], torch.zeros(2, 3, 3, 4, 5))) == 0


def test_weights_for_another_network_are_refused():
    logits, target, _ = random_case()
    with pytest.raises(ValueError, match="4 channels, found 3 class weights"):
        build(Settings(), weights=torch.ones(3))(logits, target)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_weights_that_are_no_weights_are_refused(wrong):
    with pytest.raises(ValueError, match="class weights must be 0 or more"):
        build(Settings(), weights=torch.tensor([1.0, wrong]))
