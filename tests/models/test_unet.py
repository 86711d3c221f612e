from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.models.unet import Settings, build


def test_the_second_place_net_has_its_published_size():
    """czii: channels 48/64/80/80, strides 2/2/1, one residual unit: 1.1 M parameters."""
    net = build(Settings(), 1, 7)
    assert 1.05e6 < sum(p.numel() for p in net.parameters()) < 1.2e6


def test_logits_equal_monais_with_copied_weights():
    from monai.networks.nets import UNet

    ours = build(Settings(), 1, 7).eval()
    theirs = UNet(
        spatial_dims=3, in_channels=1, out_channels=7, channels=(48, 64, 80, 80),
        strides=(2, 2, 1), num_res_units=1, norm="instance",
    ).eval()  # fmt: skip
    theirs.load_state_dict(ours.net.state_dict())
    x = torch.randn(1, 1, 16, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x)[0], theirs(x), rtol=0, atol=0)


def test_strides_must_fit_the_channels():
    with pytest.raises(UserError, match="need 3 strides, found 2"):
        build(Settings(strides=(2, 2)), 1, 7)
