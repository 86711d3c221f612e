from __future__ import annotations

import pytest
import torch
from torch import nn

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.models.resnet_unet import Settings, build

SMALL = {"encoder": "resnet18", "width": 4, "decoder": (16, 8, 8, 4)}
PATCH = (32, 64, 64)


def small(**options) -> nn.Module:
    torch.manual_seed(0)
    return build(validate(Settings, SMALL | options, source="test"), 1, 3)


def norms(module: nn.Module) -> set[str]:
    """Names of the norms inside a part of the network."""
    kinds = (nn.BatchNorm3d, nn.InstanceNorm3d)
    return {type(m).__name__ for m in module.modules() if isinstance(m, kinds)}


@pytest.mark.parametrize(
    ("encoder", "published"),
    # ETFinder's layers, counted one by one from its description, without the slopes of PReLU.
    [
        ("resnet18", 41_816_487),
        ("resnet34", 72_126_119),
        ("resnet50", 65_182_631),
        ("resnet101", 104_228_775),
    ],
)
def test_each_depth_has_the_published_number_of_weights(encoder, published):
    with torch.device("meta"):
        net = build(Settings(encoder=encoder), 1, 7)
    slopes = sum(m.num_parameters for m in net.modules() if isinstance(m, nn.PReLU))
    assert sum(p.numel() for p in net.parameters()) - slopes == published


@pytest.mark.parametrize(
    ("norm", "early", "deep"),
    [
        ("batch", "BatchNorm3d", "BatchNorm3d"),
        ("instance", "InstanceNorm3d", "InstanceNorm3d"),
        ("mix", "InstanceNorm3d", "BatchNorm3d"),
    ],
)
def test_every_level_has_the_norm_it_should(norm, early, deep):
    net = small(norm=norm)
    assert norms(net.stem) == norms(net.stages[0]) == {early}
    for part in (*net.stages[1:], *net.decoders):
        assert norms(part) == {deep}


def test_no_relu_is_left_where_prelu_was_asked_for():
    assert not [m for m in small().modules() if isinstance(m, nn.ReLU)]
    assert [m for m in small(act="relu").modules() if isinstance(m, nn.ReLU)]


def test_levels_halve_and_widen_as_published():
    """Strides 2, 4, 8, 16, 32 on the way down, with 64 to 2048 channels in depth 50."""
    with torch.device("meta"):
        net = build(Settings(), 1, 7)
        x = net.stem(torch.zeros(1, 1, 64, 64, 96))
        assert x.shape == (1, 64, 32, 32, 48)
        x = net.pool(x)
        for k, stage in enumerate(net.stages):
            x = stage(x)
            assert x.shape == (1, 256 * 2**k, 16 // 2**k, 16 // 2**k, 24 // 2**k)


def test_the_shortcut_of_a_shallow_encoder_learns():
    """MONAI's own resnet18 cuts the gradient there; ours must not."""
    net = small().train()
    net(torch.randn(2, 1, *PATCH))[0].square().mean().backward()
    shortcut = net.stages[1][0].downsample[0].weight
    assert float(shortcut.grad.abs().max()) > 0


@pytest.mark.parametrize("stride", [1, 2])
def test_the_output_stride_can_be_chosen(stride):
    net = small(output_stride=stride).eval()
    assert net.strides == (stride,)
    assert net(torch.zeros(1, 1, *PATCH))[0].shape == (1, 3, *(n // stride for n in PATCH))


def test_at_the_start_nearly_everything_is_background():
    with torch.inference_mode():
        probabilities = small().eval()(torch.randn(1, 1, *PATCH))[0].softmax(1)
    assert float(probabilities[:, 1:].mean()) < 0.01


def test_instance_norm_refuses_a_patch_that_leaves_it_one_cell():
    with pytest.raises(ValueError, match=r"single cell.*\(64, 64, 64\)"):
        small(norm="instance")(torch.zeros(1, 1, 32, 32, 32))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoder": "resnet52"}, "resnet18"),
        ({"norm": "mixed"}, "'mix'"),
        ({"output_stride": 4}, "found 4"),
        ({"decoder": (64, 32)}, "decoder"),
        ({"widht": 8}, "Did you mean 'width'"),
        ({"act": "preluu"}, "preluu"),
    ],
)
def test_a_wrong_setting_is_refused(options, words):
    with pytest.raises(UserError, match=words):
        small(**options)
