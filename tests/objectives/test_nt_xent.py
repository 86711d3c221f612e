from __future__ import annotations

import numpy as np
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.objectives.nt_xent import Settings, build


def pair(n=5, p=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, p, generator=generator)
    return a, a + 0.7 * torch.randn(n, p, generator=generator)


def loss(a, b, *, conflict=None, **options):
    return build(Settings(**options), projection=a.shape[1])(a, b, conflict=conflict)


def by_definition(a, b, temperature, conflict=None, clamp=-1.0):
    """Sum the definition term by term, in double precision."""
    rows = np.concatenate([a.numpy(), b.numpy()]).astype(np.float64)
    n, total = len(a), 0.0
    for i in range(2 * n):
        twin = (i + n) % (2 * n)
        cosine = [
            max(clamp, rows[i] @ rows[j] / np.sqrt((rows[i] @ rows[i]) * (rows[j] @ rows[j])))
            for j in range(2 * n)
        ]
        counted = [
            j
            for j in range(2 * n)
            if j == twin or (j != i and (conflict is None or not conflict[i, j]))
        ]
        total -= np.log(
            np.exp(cosine[twin] / temperature)
            / sum(np.exp(cosine[j] / temperature) for j in counted)
        )
    return total / (2 * n)


def some_conflicts(n, seed=1):
    marked = torch.rand(2 * n, 2 * n, generator=torch.Generator().manual_seed(seed)) < 0.3
    return marked | marked.T


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("temperature", [0.05, 0.5, 2.0])
def test_it_equals_a_direct_computation_in_double_precision(temperature, marked):
    a, b = pair()
    conflict = some_conflicts(5) if marked else None
    expected = by_definition(a, b, temperature, conflict)
    found = loss(a, b, conflict=conflict, temperature=temperature)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(expected, rel=2e-6, abs=2e-7)
    double = loss(a.double(), b.double(), conflict=conflict, temperature=temperature)
    assert float(double) == pytest.approx(expected, rel=1e-12)


def test_a_case_by_hand():
    """Twins agree and crops are at right angles: one share of e^2 against two of 1, t = 0.5."""
    a = torch.eye(2)
    assert float(loss(a, a)) == pytest.approx(-np.log(np.exp(2) / (np.exp(2) + 2)), rel=1e-6)


def test_masked_negatives_get_exactly_no_slope_and_others_do():
    """Each view points along an axis of its own, so slope [i, j] is that of the pair alone."""
    n = 4
    rows = torch.eye(2 * n).requires_grad_()
    conflict = torch.zeros(2 * n, 2 * n, dtype=torch.bool)
    conflict[0, 1] = conflict[1, 0] = conflict[2, 7] = conflict[7, 2] = True
    loss(rows[:n], rows[n:], conflict=conflict).backward()
    self_or_masked = conflict | torch.eye(2 * n, dtype=torch.bool)
    assert (rows.grad[conflict] == 0).all()
    assert (rows.grad[~self_or_masked].abs() > 1e-3).all()


def test_when_all_negatives_are_masked_there_is_nothing_to_learn():
    a, b = (view.requires_grad_() for view in pair())
    value = loss(a, b, conflict=torch.ones(10, 10, dtype=torch.bool))
    value.backward()
    assert value.detach() == 0
    assert not a.grad.any()
    assert not b.grad.any()


@pytest.mark.parametrize("angle", [0.3, 1.2, 1.8, 2.6])
def test_the_slope_does_not_vanish_for_negative_cosines(angle):
    """Two crops at an angle: the slope is that of the definition, also beyond a right angle."""

    def crops(angle):
        axis = torch.tensor([1.0, 0.0], dtype=torch.float64)
        return torch.stack([axis, torch.stack([angle.cos(), angle.sin()])])

    free, step = torch.tensor(angle, dtype=torch.float64, requires_grad=True), 1e-5
    loss(crops(free), crops(free)).backward()
    moved = [crops(free.detach() + change) for change in (-step, step)]
    before, after = (by_definition(rows, rows, 0.5) for rows in moved)
    assert float(free.grad) == pytest.approx((after - before) / (2 * step), rel=1e-4)
    assert abs(float(free.grad)) > 0.02


def test_clamped_cosines_equal_a_direct_computation_in_double_precision():
    a, b = pair()
    found = float(loss(a, b, clamp=1e-7))
    assert found == pytest.approx(by_definition(a, b, 0.5, clamp=1e-7), rel=2e-6)
    assert found > by_definition(a, b, 0.5) + 0.05  # there are cosines below it, then made larger
    double = loss(a.double(), b.double(), clamp=1e-7, temperature=0.05)
    assert float(double) == pytest.approx(by_definition(a, b, 0.05, clamp=1e-7), rel=1e-12)


def test_clamped_negatives_have_no_slope_and_others_that_of_the_definition():
    """Views along axes of their own but for one pair, whose second leans away from the first."""

    def views(lean):
        rows = torch.eye(6, dtype=torch.float64)
        rows[1, 0] = lean
        return rows[:3], rows[3:]

    for lean, is_clamped in ((-0.4, True), (0.4, False)):
        free = torch.tensor(lean, dtype=torch.float64, requires_grad=True)
        loss(*views(free), clamp=1e-7).backward()
        before, after = (
            by_definition(*views(torch.tensor(lean + step, dtype=torch.float64)), 0.5, clamp=1e-7)
            for step in (-1e-5, 1e-5)
        )
        assert float(free.grad) == pytest.approx((after - before) / 2e-5, abs=1e-8)
        assert (float(free.grad) == 0) == is_clamped
        unclamped = torch.tensor(lean, dtype=torch.float64, requires_grad=True)
        loss(*views(unclamped)).backward()
        assert abs(float(unclamped.grad)) > 0.01


def test_the_quantile_takes_the_most_alike_out_of_the_negatives():
    a, b = pair(n=40)
    rows = torch.cat([a, b])
    rows = rows / rows.norm(dim=1, keepdim=True)
    twin = torch.eye(80, dtype=torch.bool).roll(40, 1)
    negatives = ~torch.eye(80, dtype=torch.bool) & ~twin
    bound = np.quantile((rows @ rows.T)[negatives].numpy(), 0.8)
    found = loss(a, b, quantile=0.8)
    assert float(found) == pytest.approx(by_definition(a, b, 0.5, rows @ rows.T > bound), rel=1e-3)
    assert float(found) < float(loss(a, b))


def test_the_quantile_runs_while_training_and_stands_still_in_use():
    objective = build(Settings(quantile=0.5, memory=0.75), projection=7)
    quantiles = []
    for seed in range(3):
        alone = build(Settings(quantile=0.5), projection=7)
        objective(*pair(seed=seed))
        alone(*pair(seed=seed))
        quantiles.append(float(alone.bound))
    running = quantiles[0]
    for here in quantiles[1:]:
        running = 0.75 * running + 0.25 * here
    assert float(objective.bound) == pytest.approx(running, rel=1e-6)
    objective.eval()(*pair(seed=9))
    assert float(objective.bound) == pytest.approx(running, rel=1e-6)
    assert objective.watch(*pair())["quantile_cosine"] == pytest.approx(running, rel=1e-6)


def test_an_untrained_quantile_leaves_nothing_out():
    objective = build(Settings(quantile=0.5), projection=7).eval()
    torch.testing.assert_close(objective(*pair()), loss(*pair()))


def test_conflicts_and_twins_have_no_say_in_the_quantile():
    a, b = pair(n=6)
    one, other = (build(Settings(quantile=0.5), projection=7) for _ in range(2))
    conflict = torch.zeros(12, 12, dtype=torch.bool)
    conflict[0] = conflict[:, 0] = conflict[6] = conflict[:, 6] = True
    one(a, b, conflict=conflict)
    other(a[1:], b[1:])
    torch.testing.assert_close(one.bound, other.bound)


def test_neighbours_from_earlier_batches_stand_in_for_views_once_there_are_enough():
    objective = build(Settings(neighbours=True, queue=8), projection=7)
    first, second, third = (pair(n=4, seed=seed) for seed in (1, 2, 3))
    torch.testing.assert_close(objective(*first), loss(*first))  # the queue is empty
    torch.testing.assert_close(objective(*second), loss(*second))  # and then half full
    unit = torch.nn.functional.normalize
    earlier = unit(torch.cat([first[0], second[0]]).double(), dim=1)
    rows = unit(torch.cat(third).double(), dim=1)
    nearest = earlier[(rows @ earlier.T).argmax(dim=1)]
    total = 0.0
    for i in range(8):
        cosine = (nearest[i] @ rows.T / 0.5).exp()
        total -= float(torch.log(cosine[(i + 4) % 8] / (cosine.sum() - cosine[i])))
    assert float(objective(*third)) == pytest.approx(total / 8, rel=1e-5)


def test_the_queue_forgets_the_oldest_views_first():
    objective = build(Settings(neighbours=True, queue=6), projection=7)
    batches = [pair(n=4, seed=seed) for seed in range(3)]
    for batch in batches:
        objective(*batch)
    seen = torch.nn.functional.normalize(torch.cat([a for a, _ in batches]), dim=1)
    kept = {tuple(row.tolist()) for row in objective.queue}
    assert kept == {tuple(row.tolist()) for row in seen[-6:]}


def test_a_batch_larger_than_the_queue_is_no_error():
    objective = build(Settings(neighbours=True, queue=3), projection=7)
    for seed in range(2):
        assert objective(*pair(seed=seed)).isfinite()


@pytest.mark.parametrize("options", [{"quantile": 0.6}, {"neighbours": True, "queue": 5}])
def test_a_resumed_training_goes_on_as_if_it_had_not_been_stopped(options):
    objective = build(Settings(**options), projection=7)
    for seed in range(2):
        objective(*pair(seed=seed))
    resumed = build(Settings(**options), projection=7)
    resumed.load_state_dict(objective.state_dict())
    torch.testing.assert_close(resumed(*pair(seed=5)), objective(*pair(seed=5)), rtol=0, atol=0)
    assert float(resumed(*pair(seed=5))) != pytest.approx(float(loss(*pair(seed=5))), abs=1e-4)


def test_one_crop_has_nothing_to_be_told_from():
    with pytest.raises(UserError, match="at least 2 crops is needed to compare them, found 1"):
        loss(*pair(n=1))
