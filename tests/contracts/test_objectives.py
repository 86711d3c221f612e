"""What every objective of the family promises."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tomoscout.objectives import OBJECTIVES

N, P = 8, 16
LABELS = torch.arange(N) // 2
every_objective = pytest.mark.parametrize("name", OBJECTIVES.names())


def build(name, projection=P):
    torch.manual_seed(0)
    module = OBJECTIVES[name]
    return module.build(module.Settings(), projection=projection)


def views(seed=0, noise=0.5):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(N, P, generator=generator)
    return a, a + noise * torch.randn(N, P, generator=generator)


def conflicts(seed=0):
    marked = torch.rand(2 * N, 2 * N, generator=torch.Generator().manual_seed(seed)) < 0.2
    return marked | marked.T


def call(objective, a, b, conflict=None, labels=LABELS):
    return objective(a, b, conflict=conflict, labels=labels)


@every_objective
def test_it_falls_when_learning(name):
    objective = build(name)
    a, b = (view.requires_grad_() for view in views(noise=2.0))
    optimizer = torch.optim.Adam([a, b, *objective.parameters()], lr=0.1)
    values = []
    for _ in range(30):
        value = call(objective, a, b)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert values[-1] < values[0] - 0.3


@every_objective
def test_the_right_pairs_cost_less_than_wrong_ones(name):
    """In use, where nothing is learnt from: an untrained predictor knows no pairs yet."""
    objective = build(name)
    if list(objective.parameters()):
        pytest.skip("what has weights must learn first which views belong together")
    a, b = views()
    right, wrong = (call(objective, a, twin, labels=torch.arange(N)) for twin in (b, b.roll(1, 0)))
    assert right < wrong - 0.5


@every_objective
def test_the_order_of_crops_and_which_view_comes_first_do_not_matter(name):
    objective, (a, b), conflict = build(name), views(), conflicts()
    value = call(objective, a, b, conflict)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    both = torch.cat([order, order + N])
    moved = call(objective, a[order], b[order], conflict[both][:, both], LABELS[order])
    torch.testing.assert_close(moved, value)
    swapped = call(objective, b, a, conflict.roll((N, N), (0, 1)))
    torch.testing.assert_close(swapped, value)


@every_objective
def test_only_directions_count(name):
    objective, (a, b) = build(name), views()
    torch.testing.assert_close(call(objective, 3 * a, 0.2 * b), call(objective, a, b))
    one, other = objective.watch(3 * a, 0.2 * b), objective.watch(a, b)
    assert one == pytest.approx(other, rel=1e-4, abs=1e-6)


@every_objective
def test_a_crop_is_always_in_conflict_with_itself_and_twins_never_leave(name):
    objective, (a, b) = build(name), views()
    itself = torch.eye(N, dtype=torch.bool).repeat(2, 2)
    torch.testing.assert_close(call(objective, a, b, itself), call(objective, a, b))


@pytest.mark.parametrize("kind", ["same", "opposite", "nothing", "all conflict"])
@every_objective
def test_values_and_slopes_are_finite_for_the_strangest_batches(name, kind):
    a, b = views()
    if kind == "same":
        a = b = a[:1].expand(N, P).clone()
    elif kind == "opposite":
        b = -a.clone()
    elif kind == "nothing":
        a, b = torch.zeros(N, P), torch.zeros(N, P)
    conflict = torch.ones(2 * N, 2 * N, dtype=torch.bool) if kind == "all conflict" else None
    a, b = a.detach().clone().requires_grad_(), b.detach().clone().requires_grad_()
    value = call(build(name), a, b, conflict)
    value.backward()
    assert value.isfinite()
    assert a.grad.isfinite().all()
    assert b.grad.isfinite().all()


@every_objective
def test_projections_computed_in_bf16_are_taken_and_lose_only_their_own_digits(name):
    a, b = (view.bfloat16() for view in views())
    with torch.autocast("cpu", torch.bfloat16):
        value = call(build(name), a, b)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, call(build(name), a.float(), b.float()))


@every_objective
def test_what_is_watched_tells_a_collapse(name):
    objective = build(name, projection=64)
    generator = torch.Generator().manual_seed(0)
    anywhere = torch.randn(256, 64, generator=generator)
    near = anywhere + 0.1 * torch.randn(256, 64, generator=generator)
    watched = objective.watch(anywhere, near)
    assert all(type(value) is float for value in watched.values())
    assert watched["spread"] == pytest.approx(1, abs=0.02)
    assert watched["positive_cosine"] > 0.98
    assert watched["negative_cosine"] == pytest.approx(0, abs=0.01)
    point = anywhere[:1].expand(256, 64)
    collapsed = objective.watch(point, point)
    assert collapsed["spread"] == pytest.approx(0, abs=1e-6)
    assert collapsed["negative_cosine"] == pytest.approx(1)


@every_objective
def test_what_it_knows_lies_in_its_state(name):
    objective = build(name)
    for seed in range(2):
        call(objective, *views(seed))
    other = build(name)
    other.load_state_dict(objective.state_dict())
    torch.testing.assert_close(call(other, *views(7)), call(objective, *views(7)), rtol=0, atol=0)


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.objectives import OBJECTIVES; OBJECTIVES.names();"
        "assert not {'torch', 'tomoscout.objectives.nt_xent'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
