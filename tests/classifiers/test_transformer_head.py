"""The transformer head: what positions do, and do not."""

from __future__ import annotations

import pytest
import torch

from tomoscout.classifiers.linear_head import Settings as LinearSettings
from tomoscout.classifiers.linear_head import build as build_linear
from tomoscout.classifiers.transformer_head import Settings, build
from tomoscout.core.errors import UserError
from tomoscout.ops.puzzle import draw_orders

BACKBONE = {"name": "resnet3d", "widths": [8, 16]}


def make(**options):
    torch.manual_seed(0)
    return build(Settings(**({"backbone": BACKBONE, "grid": 2, "heads": 2} | options)), 4).eval()


def drawn(places, count=3):
    return draw_orders(torch.arange(count)[:, None], places, seed=0)


@torch.inference_mode()
def test_tokens_and_positions_shuffled_alike_change_nothing():
    """Attention is blind to the order of tokens: only where they say they stand counts."""
    net, order = make(), drawn(8)
    tokens = torch.randn(3, 8, 16)
    shuffled = torch.take_along_dim(tokens, order[:, :, None], 1)
    torch.testing.assert_close(net.decide(shuffled, order), net.decide(tokens))


@torch.inference_mode()
def test_one_of_both_shuffled_alone_changes_the_answer():
    net, order = make(), drawn(8)
    with torch.no_grad():
        net.places.mul_(10.0)  # as after some learning
    tokens = torch.randn(3, 8, 16)
    shuffled = torch.take_along_dim(tokens, order[:, :, None], 1)
    for logits in (net.decide(tokens, order), net.decide(shuffled)):
        assert (logits - net.decide(tokens)).abs().max() > 1e-3


@torch.inference_mode()
def test_positions_are_added_to_queries_and_keys_only_in_every_layer():
    """Where all tokens are one, attention averages like values: positions cannot show."""
    net, order = make(), drawn(8)
    with torch.no_grad():
        net.summary.zero_()
    alike = torch.zeros(3, 8, 16)
    torch.testing.assert_close(net.decide(alike, order), net.decide(alike))
    before = net.decide(torch.randn(1, 8, 16, generator=torch.Generator().manual_seed(1)))
    with torch.no_grad():
        net.places.add_(torch.randn(net.places.shape))
    after = net.decide(torch.randn(1, 8, 16, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(net.decide(alike, order), net.decide(alike))
    assert (after - before).abs().max() > 1e-4


@torch.inference_mode()
def test_attention_with_positions_is_that_of_torch_with_other_values():
    torch.manual_seed(0)
    ours = make().transformer.blocks[0].attention
    theirs = torch.nn.MultiheadAttention(16, 2, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    x, where = torch.randn(2, 9, 16), torch.randn(1, 9, 16)
    torch.testing.assert_close(ours(x, where), theirs(x + where, x + where, x)[0])


@torch.inference_mode()
def test_a_finer_map_is_pooled_to_the_grid():
    net = make()
    x = torch.randn(1, 1, 16, 16, 16)
    cells = net.backbone.encode(x)
    assert cells.shape[2:] == (4, 4, 4)
    by_hand = cells.reshape(1, 16, 2, 2, 2, 2, 2, 2).mean(dim=(3, 5, 7)).flatten(2)
    torch.testing.assert_close(net.encode(x), by_hand.transpose(1, 2))


def test_slices_have_a_flat_grid():
    net = make(backbone={"name": "resnet20_flat"}, grid=4, heads=4)
    assert (net.grid, net.divisor, net.flat) == ((1, 4, 4), (1, 16, 16), True)
    assert net.places.shape == (17, 64)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"heads": 3}, "heads 3: they must divide the 16 features"),
        ({"backbone": {"name": "token_summary"}}, "'token_summary': it has no map"),
        ({"backbone": {"name": "resnet3"}}, "Did you mean 'resnet3d'"),
    ],
)
def test_what_does_not_fit_is_refused(options, told):
    with pytest.raises(UserError, match=told):
        make(**options)


@torch.inference_mode()
def test_the_linear_head_is_a_linear_layer_on_pooled_features():
    torch.manual_seed(0)
    net = build_linear(LinearSettings(backbone=BACKBONE), 4).eval()
    x = torch.randn(2, 1, 16, 16, 16)
    expected = net.backbone(x) @ net.head.weight.T + net.head.bias
    torch.testing.assert_close(net(x), expected)
