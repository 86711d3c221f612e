from __future__ import annotations

import numpy as np
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.objectives import nt_xent
from tomoscout.objectives.supervised import Settings, build

LABELS = torch.tensor([2, 0, 2, 1, 2, 0])


def pair(n=6, p=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, p, generator=generator)
    return a, a + 0.7 * torch.randn(n, p, generator=generator)


def loss(a, b, labels, *, conflict=None, **options):
    return build(Settings(**options), projection=a.shape[1])(a, b, conflict=conflict, labels=labels)


def by_definition(a, b, labels, temperature, conflict=None):
    """Sum the paper's equation 2 term by term, in double precision."""
    rows = np.concatenate([a.numpy(), b.numpy()]).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    label = np.concatenate([labels, labels])
    m, total = len(rows), 0.0
    for i in range(m):
        share = np.exp(rows @ rows[i] / temperature)
        positive = [
            j
            for j in range(m)
            if j != i and (j == (i + m // 2) % m or (label[j] == label[i] and label[i] >= 0))
        ]
        counted = [
            j
            for j in range(m)
            if j in positive or (j != i and (conflict is None or not conflict[i, j]))
        ]
        total -= np.mean([np.log(share[p] / share[counted].sum()) for p in positive])
    return total / m


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_it_equals_a_direct_computation_in_double_precision(temperature, marked):
    a, b = pair()
    conflict = None
    if marked:
        conflict = torch.rand(12, 12, generator=torch.Generator().manual_seed(1)) < 0.3
        conflict = conflict | conflict.T
    expected = by_definition(a, b, LABELS, temperature, conflict)
    found = loss(a, b, LABELS, conflict=conflict, temperature=temperature)
    assert float(found) == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("labels", [torch.arange(6), torch.full((6,), -1)])
def test_it_is_nt_xent_when_no_two_labels_are_the_same_or_none_is_known(labels):
    a, b = pair()
    plain = nt_xent.build(nt_xent.Settings(temperature=0.3), projection=7)
    torch.testing.assert_close(loss(a, b, labels, temperature=0.3), plain(a, b))


def test_crops_of_one_label_are_drawn_together_and_others_pushed_apart():
    """Each view points along an axis of its own, so slope [i, j] is that of the pair alone."""
    rows = torch.eye(12).requires_grad_()
    loss(rows[:6], rows[6:], LABELS).backward()
    label = torch.cat([LABELS, LABELS])
    same = (label[:, None] == label) & ~torch.eye(12, dtype=torch.bool)
    assert (rows.grad[same] < 0).all()
    assert (rows.grad[label[:, None] != label] > 0).all()


def test_conflicting_negatives_get_exactly_no_slope_and_positives_keep_theirs():
    rows = torch.eye(12).requires_grad_()
    conflict = torch.zeros(12, 12, dtype=torch.bool)
    for i, j in ((0, 1), (0, 2)):  # of different labels, and of the same
        conflict[i, j] = conflict[j, i] = True
    loss(rows[:6], rows[6:], LABELS, conflict=conflict).backward()
    assert rows.grad[0, 1] == 0
    assert rows.grad[0, 2] < 0


def test_without_labels_it_says_what_to_do():
    with pytest.raises(UserError, match="train on runs with picks, or choose nt_xent"):
        loss(*pair(), None)
