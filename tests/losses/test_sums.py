"""Cross entropy and Tversky, focal and Tversky: sums of losses that stand on their own too."""

from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.losses import (
    cross_entropy,
    cross_entropy_tversky,
    focal,
    focal_and_tversky,
    tversky,
)

WEIGHTS = torch.tensor([1.0, 10.0, 20.0])


def random_case():
    torch.manual_seed(0)
    return torch.randn(2, 3, 4, 4, 4), torch.rand(2, 2, 4, 4, 4) / 2


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_two_cross_entropies_and_one_tversky(weights):
    logits, target = random_case()
    overlap = {"false_alarm": 0.2, "miss": 0.9, "over": "sample"}
    cells = {"label_smoothing": 0.05, "object_weight": 5.0, "reduction": "cells"}
    both = cross_entropy_tversky.Settings(**overlap, **cells)
    alone = (
        cross_entropy.build(cross_entropy.Settings(**cells), weights=weights)(logits, target),
        tversky.build(tversky.Settings(**overlap), weights=weights)(logits, target),
    )
    loss = cross_entropy_tversky.build(both, weights=weights)
    torch.testing.assert_close(loss.parts(logits, target), alone)
    torch.testing.assert_close(loss(logits, target), 2 * alone[0] + alone[1])


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_one_focal_and_one_tversky(weights):
    logits, target = random_case()
    both = focal_and_tversky.Settings(gamma=1.5, background=False)
    alone = (
        focal.build(focal.Settings(gamma=1.5, reduction="weights"), weights=weights),
        tversky.build(tversky.Settings(background=False), weights=weights),
    )
    loss = focal_and_tversky.build(both, weights=weights)
    expected = tuple(part(logits, target) for part in alone)
    torch.testing.assert_close(loss.parts(logits, target), expected)
    torch.testing.assert_close(loss(logits, target), expected[0] + expected[1])


@pytest.mark.parametrize("module", [cross_entropy_tversky, focal_and_tversky])
def test_larger_class_weights_do_not_shift_the_balance_of_the_parts(module):
    logits, target = random_case()
    once, more = (
        module.build(module.Settings(), weights=w).parts(logits, target)
        for w in (WEIGHTS, 7 * WEIGHTS)
    )
    torch.testing.assert_close(once, more)


def test_a_share_of_zero_leaves_a_part_out():
    logits, target = random_case()
    loss = cross_entropy_tversky.build(cross_entropy_tversky.Settings(shares=(0.0, 1.0)))
    torch.testing.assert_close(
        loss(logits, target), tversky.build(tversky.Settings())(logits, target)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": [1, -1]}, "greater than or equal to 0, found -1"),
        ({"shares": [1]}, "shares"),
        ({"fals_alarm": 0.3}, "Did you mean 'false_alarm'"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message):
        validate(cross_entropy_tversky.Settings, options, source="loss")


@pytest.mark.parametrize("module", [cross_entropy_tversky, focal_and_tversky])
def test_every_setting_is_explained(module):
    assert all(field.description for field in module.Settings.model_fields.values())
