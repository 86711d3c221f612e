from __future__ import annotations

import pytest
import torch

from tomoscout.core.activation import channel_names
from tomoscout.ops.activations import probabilities


def test_softmax_leaves_background_out_and_shares_one_sum():
    logits = torch.tensor([[0.0, 1.0, 2.0]])[..., None]
    found = probabilities(logits, "softmax")[0, :, 0]
    e = torch.e
    expected = torch.tensor([e, e**2]) / (1 + e + e**2)
    torch.testing.assert_close(found, expected)


def test_a_disc_of_no_size_has_no_score():
    logits = torch.tensor([[3.0, -3.0, -200.0]])[..., None]
    assert float(probabilities(logits, "sized").max()) == 0.0
    whole = torch.tensor([[3.0, -3.0, 200.0]])[..., None]
    torch.testing.assert_close(probabilities(whole, "sized") ** 2, torch.sigmoid(whole[:, :2]))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "sized"])
def test_every_channel_has_a_name_and_every_object_a_probability(activation):
    names = channel_names(activation, ["a", "b"])
    assert [n for n in names if n in ("a", "b")] == ["a", "b"]
    logits = torch.randn(2, len(names), 3, 4, 5)
    assert probabilities(logits, activation).shape == (2, 2, 3, 4, 5)
