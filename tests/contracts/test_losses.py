"""What every loss of the family promises."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from tomoscout.core.activation import channel_names
from tomoscout.losses import LOSSES
from tomoscout.targets import TARGETS

OBJECTS = ("first", "second", "third")
SHAPE = (8, 8, 8)
every_loss = pytest.mark.parametrize("name", LOSSES.names())


def build(name: str, weights: list[float] | None = None):
    module = LOSSES[name]
    given = None if weights is None else torch.tensor(weights)
    return module.build(module.Settings(), weights=given)


def channels(name: str) -> list[str]:
    return channel_names(LOSSES[name].ACTIVATION, OBJECTS)


def random_logits(name: str, batch: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, len(channels(name)), *SHAPE, generator=generator)


def balls(batch: int = 2) -> Tensor:
    """One blurred ball of each object in each patch, each with its top inside, none touching."""
    grid = torch.stack(torch.meshgrid(*(torch.arange(8.0),) * 3, indexing="ij"), -1)
    target = torch.zeros(batch, len(OBJECTS), *SHAPE)
    for b in range(batch):
        for o, centre in enumerate(((2.0, 2.0, 2.0), (2.0, 5.0, 5.0), (5.0, 2.0, 5.0 - b))):
            distance = (grid - torch.tensor(centre)).pow(2).sum(-1)
            target[b, o] = torch.exp(-distance / 2) * (distance < 4)
    return target


def right(name: str, target: Tensor) -> Tensor:
    """Logits of a network that is right and rather sure of it."""
    nothing = (1 - target.sum(1, keepdim=True)).clamp(min=0)
    answers = {
        "softmax": torch.cat([nothing, target], 1),
        "sigmoid": target,
        "sized": torch.cat([target, target.amax(1, keepdim=True)], 1),
    }
    return 6 * answers[LOSSES[name].ACTIVATION] - 3


def slope(loss, logits: Tensor, target: Tensor) -> Tensor:
    logits = logits.clone().requires_grad_()
    loss(logits, target).backward()
    return logits.grad


def direction(loss, logits: Tensor, target: Tensor) -> Tensor:
    found = slope(loss, logits, target)
    return found / found.norm()


@every_loss
def test_cells_whose_target_is_unknown_teach_nothing(name):
    """Or the loss does not claim to take them; with them taken out it is as with nothing there."""
    if not getattr(LOSSES[name], "TAKES_UNKNOWN", False):
        pytest.skip("takes no unknown cells")
    loss, target = build(name), balls()
    target[:, :, :3] = torch.nan
    found = slope(loss, random_logits(name), target)
    assert found[:, :, :3].eq(0).all()
    known = slope(loss, random_logits(name), balls())[:, :, 3:]
    torch.testing.assert_close(found[:, :, 3:], known)


@every_loss
def test_a_loss_names_a_real_activation_and_real_targets(name):
    assert LOSSES[name].ACTIVATION in ("softmax", "sigmoid", "sized")
    assert LOSSES[name].TARGETS
    assert set(LOSSES[name].TARGETS) <= set(TARGETS.names())


@pytest.mark.parametrize("weights", [None, [2.0, 1.0, 3.0, 0.5]])
@every_loss
def test_it_falls_when_learning(name, weights):
    logits = torch.zeros_like(random_logits(name)).requires_grad_()
    target = (balls() > 0.5).float()
    loss = build(name, weights and weights[: len(channels(name))])
    optimizer = torch.optim.Adam([logits], lr=0.6)
    values = []
    for _ in range(16):
        value = loss(logits, target)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert value.dtype == torch.float32
    assert value.shape == ()
    # Label smoothing, where it is on, leaves a rest that no network can avoid.
    assert values[-1] < (0.6 if "cross_entropy_" in name else 0.3) * values[0]
    assert min(values) > -1e-6


@every_loss
def test_the_right_answer_costs_less_than_wrong_ones(name):
    target = (balls() > 0.5).float()
    answer, loss = right(name, target), build(name)
    best = loss(answer, target)
    for shift in (1, 3):
        assert best < 0.5 * loss(answer.roll(shift, -1), target)
    assert best < 0.5 * loss(torch.zeros_like(answer), target)
    assert best < 0.5 * loss(-answer, target)


@every_loss
def test_soft_targets_of_mixed_patches_are_learned_from(name):
    target = balls()
    mixed = torch.lerp(target, target.roll(1, 0), torch.tensor([0.3, 0.6]).view(-1, 1, 1, 1, 1))
    logits, loss = random_logits(name), build(name)
    assert loss(logits, mixed).isfinite()
    assert slope(loss, logits, mixed).isfinite().all()
    hard, soft = (direction(loss, logits, t) for t in (target, mixed))
    assert (hard - soft).abs().max() > 0.01  # the shares matter


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("empty", [True, False])
@every_loss
def test_values_and_slopes_are_finite_also_without_objects_and_for_sure_networks(
    name, empty, scale
):
    logits = (scale * random_logits(name)).requires_grad_()
    target = torch.zeros_like(balls()) if empty else balls()
    value = build(name)(logits, target)
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()


@every_loss
def test_logits_computed_in_bf16_are_taken_and_lose_only_their_own_digits(name):
    logits, target = random_logits(name), balls()
    half = logits.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = build(name)(half, target)
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad.isfinite().all()
    torch.testing.assert_close(value, build(name)(half.detach().float(), target))


@every_loss
def test_an_object_of_weight_zero_is_not_looked_for(name):
    names = channels(name)
    loss = build(name, [1.0 if n == "first" else 0.0 for n in names])
    target, logits = balls(), random_logits(name)
    without, elsewhere = target.clone(), target.clone()
    without[:, 1], elsewhere[:, 0] = 0, target[:, 0].flip(1)
    here, there, moved = (direction(loss, logits, t) for t in (target, without, elsewhere))
    torch.testing.assert_close(here, there)
    assert (here - moved).abs().max() > 0.01
    nothing = build(name, [0.0] * len(names))
    assert float(nothing(logits, target)) == 0
    assert not slope(nothing, logits, target).any()


@every_loss
def test_missing_a_heavier_object_costs_more(name):
    names, target = channels(name), (balls() > 0.5).float()
    answer, costs = right(name, target), []
    for weight in (0.2, 1.0, 20.0):
        loss = build(name, [weight if n == "second" else 1.0 for n in names])
        first, second = (
            loss(right(name, target * torch.tensor(kept).view(3, 1, 1, 1)), target)
            - loss(answer, target)
            for kept in ([0.0, 1, 1], [1.0, 0, 1])
        )
        costs.append(float(second / first))
    assert costs[0] < 0.5 * costs[1] < 0.1 * costs[2]


@every_loss
def test_the_order_of_objects_and_of_patches_does_not_matter(name):
    names, target, logits = channels(name), balls(), random_logits(name)
    weights = [1.0 + i for i in range(len(names))]
    order = [2, 0, 1]
    moved = [OBJECTS[i] for i in order]
    places = [names.index(moved[OBJECTS.index(n)] if n in OBJECTS else n) for n in names]
    value = build(name, weights)(logits, target)
    other = build(name, [weights[i] for i in places])(logits[:, places], target[:, order])
    torch.testing.assert_close(value, other)
    torch.testing.assert_close(value, build(name, weights)(logits.flip(0), target.flip(0)))


@every_loss
def test_parts_times_shares_are_the_loss(name):
    loss, logits, target = build(name), random_logits(name), balls()
    if not hasattr(loss, "parts"):
        return
    parts = loss.parts(logits, target)
    assert isinstance(loss.shares, tuple)
    assert len(loss.shares) == len(parts) > 1
    total = sum(share * part for share, part in zip(loss.shares, parts, strict=True))
    torch.testing.assert_close(loss(logits, target), total)


@every_loss
def test_weights_move_with_the_loss_and_stay_out_of_checkpoints(name):
    loss = build(name, [1.0] * len(channels(name)))
    assert not loss.state_dict()
    assert {buffer.device.type for buffer in loss.to("meta").buffers()} == {"meta"}


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.losses import LOSSES; LOSSES.names();"
        "assert not {'torch', 'tomoscout.losses.focal'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
