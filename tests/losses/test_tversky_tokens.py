"""The Tversky loss on tokens (N, T, C), as the transformer's entry to the challenge writes it.

TI_c = (hits + s) / (hits + 0.8 misses + 0.2 false alarms + s), sums over the tokens of a sample;
loss = mean over samples and classes of 1 - w_c TI_c. Ours is mean of w_c (1 - TI_c), which is 0 at
best whatever the weights are: the two differ by the constant 1 - mean(w), and slope alike.
"""

from __future__ import annotations

import math

import pytest
import torch

from tomoscout.losses.tversky import Settings, build

PUBLISHED = Settings(false_alarm=0.2, miss=0.8, smooth=1e-5, over="sample", weighing="product")


def on_tokens(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None):
    """Ours, for logits (N, T, C) and labels (N, T)."""
    classes = logits.shape[-1]
    target = torch.nn.functional.one_hot(labels, classes).float()[..., 1:]
    cells = [x.transpose(1, 2)[..., None, None] for x in (logits, target)]
    return build(PUBLISHED, weights=weights)(*cells)


def by_definition(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor):
    """Theirs, one sample and class after the other."""
    losses = []
    for sample, truth in zip(torch.softmax(logits, -1), labels, strict=True):
        for c in range(logits.shape[-1]):
            p, is_c = sample[:, c], (truth == c).float()
            hit, miss, false_alarm = (
                (p * is_c).sum(),
                ((1 - p) * is_c).sum(),
                (p * (1 - is_c)).sum(),
            )
            index = (hit + 1e-5) / (hit + 0.8 * miss + 0.2 * false_alarm + 1e-5)
            losses.append(1 - weights[c] * index)
    return torch.stack(losses).mean()


def test_two_tokens_done_by_hand():
    """p = (3/4, 1/4) and (1/2, 1/2), labels 0 and 1.

    Class 0: hit 3/4, miss 1/4, false alarm 1/2: 0.75 / (0.75 + 0.2 + 0.1) = 5/7.
    Class 1: hit 1/2, miss 1/2, false alarm 1/4: 0.5 / (0.5 + 0.4 + 0.05) = 10/19.
    """
    logits = torch.tensor([[[math.log(3.0), 0.0], [0.0, 0.0]]])
    loss = on_tokens(logits, torch.tensor([[0, 1]]))
    assert float(loss) == pytest.approx(1 - (5 / 7 + 10 / 19) / 2, abs=2e-5)


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0, 1.0], [0.1, 1.0, 0.3, 2.0]])
def test_it_is_the_published_formula_but_for_a_constant(weights):
    torch.manual_seed(0)
    w, labels = torch.tensor(weights), torch.randint(0, 4, (3, 20))
    labels[0][labels[0] == 2] = 1  # a class absent from a sample
    ours_of, theirs_of = (torch.randn(3, 20, 4) for _ in range(2))
    theirs_of.copy_(ours_of)
    ours_of.requires_grad_()
    theirs_of.requires_grad_()
    ours, theirs = on_tokens(ours_of, labels, w), by_definition(theirs_of, labels, w)
    assert float(ours.detach()) + 1 - sum(weights) / 4 == pytest.approx(float(theirs.detach()))
    ours.backward()
    theirs.backward()
    torch.testing.assert_close(ours_of.grad, theirs_of.grad)
