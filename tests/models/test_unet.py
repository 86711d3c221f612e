from __future__ import annotations

import pytest
import torch
from torch import nn

from tomoscout.core.errors import UserError
from tomoscout.models.unet import Settings, build

DEEPFINDER2 = Settings(
    channels=(32, 48, 64, 64), strides=(2, 2, 2), residual_units=2, norm="batch", act="leakyrelu",
    dropout=0.2,
)  # fmt: skip


def norms(module: nn.Module) -> set[str]:
    """Names of the norms inside a part of the network."""
    kinds = (nn.BatchNorm3d, nn.InstanceNorm3d)
    return {type(m).__name__ for m in module.modules() if isinstance(m, kinds)}


def test_the_second_place_net_has_its_published_size():
    """czii: channels 48/64/80/80, strides 2/2/1, one residual unit: 1.1 M parameters."""
    net = build(Settings(), 1, 7)
    assert 1.05e6 < sum(p.numel() for p in net.parameters()) < 1.2e6


@pytest.mark.parametrize("settings", [Settings(), DEEPFINDER2], ids=["2nd", "deepfinder2"])
def test_logits_equal_monais_with_copied_weights(settings):
    from monai.networks.nets import UNet

    ours = build(settings, 1, 7).eval()
    theirs = UNet(
        spatial_dims=3, in_channels=1, out_channels=7, channels=settings.channels,
        strides=settings.strides, num_res_units=settings.residual_units, norm=settings.norm,
        act=settings.act, dropout=settings.dropout,
    ).eval()  # fmt: skip
    theirs.load_state_dict(ours.net.state_dict())
    x = torch.randn(1, 1, 16, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x)[0], theirs(x), rtol=0, atol=0)


def test_deepfinder2_divides_by_eight_and_drops_a_fifth():
    net = build(DEEPFINDER2, 1, 7)
    assert net.divisor == (8, 8, 8)
    assert {m.p for m in net.modules() if isinstance(m, nn.Dropout)} == {0.2}
    kinds = {type(m) for m in net.modules()}
    assert nn.LeakyReLU in kinds
    assert nn.PReLU not in kinds
    # MONAI's shortcuts have 3x3x3 kernels where ETFinder's have one weight (26 fewer).
    kernels = 1 * 32 + 32 * 48 + 48 * 64
    biases = sum(m.bias.numel() for m in net.modules() if isinstance(m, nn.modules.conv._ConvNd))
    assert sum(p.numel() for p in net.parameters()) - biases - 26 * kernels == 904_825


def test_mix_really_mixes_instance_norm_early_and_batch_norm_deep():
    net = build(DEEPFINDER2.model_copy(update={"norm": "mix"}), 1, 7).net
    first, below, up = net.model
    second, deeper, up_again = below.submodule
    assert norms(first) == norms(second) == {"InstanceNorm3d"}
    assert norms(deeper) == norms(up_again) == norms(up) == {"BatchNorm3d"}


def test_mix_works_with_two_levels():
    net = build(Settings(channels=(8, 16), strides=(2,), norm="mix"), 1, 2)
    assert norms(net.net.model[0]) == {"InstanceNorm3d"}
    assert norms(net.net.model[1]) == norms(net.net.model[2]) == {"BatchNorm3d"}


@pytest.mark.parametrize("units", [0, 1, 2])
def test_at_the_start_nearly_everything_is_background(units):
    net = build(Settings(residual_units=units), 1, 7).eval()
    with torch.inference_mode():
        probabilities = net(torch.randn(1, 1, 16, 16, 16))[0].softmax(1)
    assert float(probabilities[:, 1:].mean()) < 0.01


def test_strides_must_fit_the_channels():
    with pytest.raises(UserError, match="need 3 strides, found 2"):
        build(Settings(strides=(2, 2)), 1, 7)


def test_a_norm_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="MONAI refuses"):
        build(Settings(norm="mixx"), 1, 7)
