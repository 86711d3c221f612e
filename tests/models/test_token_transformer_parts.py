"""Attention and positions, against torch's own and by hand."""

from __future__ import annotations

import math

import pytest
import torch

from tomoscout.models._attention import Positions, SelfAttention, Transformer, TransformerBlock


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_attention_is_that_of_torch_with_copied_weights():
    ours, theirs = SelfAttention(24, 3), torch.nn.MultiheadAttention(24, 3, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    x = torch.randn(2, 10, 24)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0])


def test_attention_is_a_softmax_by_hand():
    """One head, identities for weights: each token takes the others by exp(dot / sqrt(c))."""
    layer, x = SelfAttention(2, 1), torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    with torch.no_grad():
        layer.qkv.weight.copy_(torch.eye(2).repeat(3, 1))
        layer.out.weight.copy_(torch.eye(2))
        layer.qkv.bias.zero_()
        layer.out.bias.zero_()
    a, b = math.exp(1 / math.sqrt(2)), math.exp(4 / math.sqrt(2))
    expected = [[a / (a + 1), 2 / (a + 1)], [1 / (1 + b), 2 * b / (1 + b)]]
    torch.testing.assert_close(layer(x)[0], torch.tensor(expected))


def test_a_block_is_torchs_pre_norm_encoder_layer_with_copied_weights():
    ours = TransformerBlock(24, 3)
    theirs = torch.nn.TransformerEncoderLayer(
        24, 3, dim_feedforward=96, dropout=0.0, activation="gelu", batch_first=True,
        norm_first=True,
    )  # fmt: skip
    names = {
        "attention.qkv.": "self_attn.in_proj_",
        "attention.out.": "self_attn.out_proj.",
        "mlp.0.": "linear1.",
        "mlp.2.": "linear2.",
    }
    state = {}
    for name, tensor in ours.state_dict().items():
        stem, leaf = name.rsplit(".", 1)
        state[names.get(stem + ".", stem + ".") + leaf] = tensor
    theirs.load_state_dict(state)
    x = torch.randn(2, 10, 24)
    torch.testing.assert_close(ours(x), theirs(x))


def test_layers_start_unlike_and_those_that_add_start_smaller():
    net = Transformer(128, layers=8, heads=4)
    first, second = (block.attention.qkv.weight for block in net.blocks[:2])
    assert not torch.equal(first, second)
    for block in net.blocks:
        assert float(block.mlp[0].weight.detach().std()) == pytest.approx(0.02, rel=0.05)
        for layer in (block.attention.out, block.mlp[2]):
            assert float(layer.weight.detach().std()) == pytest.approx(0.02 / 4, rel=0.05)


def test_the_sum_over_layers_stays_in_float32_under_bf16():
    net, x = Transformer(32, layers=2, heads=2), 1000 + torch.rand(1, 4, 32)
    seen = []
    net.blocks[1].register_forward_pre_hook(lambda module, given: seen.append(given[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        net(x)
    assert seen == [torch.float32]


def test_positions_of_the_native_grid_are_those_learnt_to_the_last_bit():
    positions = Positions(4, (2, 3, 5))
    assert torch.equal(positions((2, 3, 5)), positions.table)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_ramp_stays_a_ramp_when_the_grid_is_twice_as_fine(axis):
    grid = [4, 4, 4]
    positions = Positions(1, (4, 4, 4))
    shape = [1, 1, 1, 1, 1]
    shape[axis + 2] = 4
    with torch.no_grad():
        positions.table.copy_(torch.arange(4.0).view(shape).expand(1, 1, 4, 4, 4))
    grid[axis] = 8
    found = positions((grid[0], grid[1], grid[2]))[0, 0].movedim(axis, 0)[:, 0, 0]
    torch.testing.assert_close(found, torch.tensor([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]))
