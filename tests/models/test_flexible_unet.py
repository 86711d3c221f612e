from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.models.flexible_unet import STRIDES, Settings, build

ALL = (2, 4, 8, 16)


def on_paper(**options):
    """A network without memory: names and shapes only."""
    with torch.device("meta"):
        return build(Settings(**options), 1, 7)


@pytest.mark.parametrize("encoder", ["resnet10", "efficientnet-b0"])
def test_logits_equal_monais_features_through_our_heads_at_every_level(encoder):
    from monai.networks.nets import FlexibleUNet

    torch.manual_seed(0)
    ours = build(Settings(encoder=encoder, levels=ALL), 1, 7).eval()
    theirs = FlexibleUNet(1, 7, encoder, pretrained=False, spatial_dims=3).eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_var.uniform_(0.5, 2.0)
            module.running_mean.normal_(std=0.1)
    copied, state = theirs.state_dict(), ours.state_dict()
    ours.load_state_dict({k: copied.get(k, v) for k, v in state.items()})
    assert all(k in copied for k in state if not k.startswith("segmentation_heads"))
    features = []
    for block in theirs.decoder.blocks[:4]:
        block.register_forward_hook(lambda *a: features.append(a[-1]))
    x = torch.randn(1, 1, 32, 32, 64)
    with torch.inference_mode():
        theirs(x)
        logits = ours(x)
        for n, stride in enumerate(STRIDES):
            assert features[n].shape[2:] == tuple(s // stride for s in x.shape[2:])
            expected = ours.segmentation_heads[str(n)](features[n])
            found = logits[ours.strides.index(stride)]
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_block_at_full_resolution_and_all_below_the_finest_head_are_absent():
    names = on_paper(levels=ALL).state_dict()
    assert any(name.startswith("decoder.blocks.3.") for name in names)
    assert not any(name.startswith("decoder.blocks.4.") for name in names)
    names = on_paper(levels=(4, 16)).state_dict()
    blocks = {name.split(".")[2] for name in names if name.startswith("decoder.")}
    heads = {name.split(".")[1] for name in names if name.startswith("segmentation_heads.")}
    assert (blocks, heads) == ({"0", "1", "2"}, {"0", "2"})


def test_nothing_is_computed_at_full_resolution():
    seen = []
    network = on_paper(encoder="resnet10")
    for module in network.modules():
        module.register_forward_hook(lambda *a: seen.append(a[-1]))
    network(torch.zeros(1, 1, 32, 64, 64, device="meta"))
    maps = [out for out in seen if isinstance(out, torch.Tensor)]
    assert max(out.shape[2] for out in maps) == 16


def test_the_published_network_has_its_published_size():
    """70.7 million numbers, its unused block of 32 to 16 channels counted."""
    count = sum(p.numel() for p in on_paper(levels=ALL).parameters())
    unused = 32 * 32 + 32 + 27 * (32 * 16 + 16 * 16) + 4 * 16
    assert round((count + unused) / 1e6, 1) == 70.7


@pytest.mark.parametrize(
    ("encoder", "levels"),
    [
        ("resnet18", (2,)),
        ("resnet200", (4,)),
        ("efficientnet-b3", (2, 4)),
        ("efficientnet-b8", (8, 16)),
    ],
)
def test_outputs_stand_at_the_strides_asked_for(encoder, levels):
    network = on_paper(encoder=encoder, levels=levels).eval()
    assert network.strides == levels
    outputs = network(torch.zeros(1, 1, 64, 32, 96, device="meta"))
    for logits, stride in zip(outputs, levels, strict=True):
        assert logits.shape == (1, 7, 64 // stride, 32 // stride, 96 // stride)


def test_it_starts_from_the_belief_that_nearly_all_is_background():
    torch.manual_seed(0)
    network = build(Settings(encoder="resnet10", levels=(2, 4)), 1, 7)
    with torch.inference_mode():
        for logits in network(torch.randn(2, 1, 32, 32, 32)):
            assert logits.softmax(1)[:, 0].mean() > 0.95


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"levels": (4, 2)}, "strides must rise"),
        ({"levels": ()}, "at least 1 item"),
        ({"levels": (1,)}, "found 1"),
        ({"encoder": "resnet35"}, "resnet34"),
        ({"widths": (256, 128, 64, 0)}, "needs a channel"),
    ],
)
def test_settings_that_cannot_be_built_are_refused(options, words):
    with pytest.raises(UserError, match=words):
        validate(Settings, options, source="recipe")
