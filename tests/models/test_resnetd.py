"""Encoders equal timm 1.0.31's (its max pooling replaced by average pooling, as in 2.5-D nets)."""

from __future__ import annotations

import pytest
import torch

from tomoscout.models._resnetd import ResNetD

TIMM = {  # mean of channels 0, 7 and 31 after each step
    "resnet18d": [
        (0.039139, 0.183102, 0.089692),
        (0.005126, 0.136222, 0.112069),
        (0.323514, 0.178527, 0.056505),
        (0.06352, 0.025201, 0.062843),
        (0.122447, 0.060059, 0.022149),
    ],
    "resnet34d": [
        (0.039139, 0.183102, 0.089692),
        (0.041068, 0.087361, 0.10799),
        (0.03177, 0.222396, 0.027956),
        (2.50989, 3.659348, 1.721984),
        (2.342099, 3.159726, 4.808457),
    ],
}


def set_weights_by_formula(network) -> None:
    """The formula under which timm's features were taken, key by key in alphabetical order."""
    weights = network.state_dict()
    for place, key in enumerate(sorted(weights)):
        value = weights[key]
        if not value.is_floating_point():
            continue
        wave = ((torch.arange(value.numel()) * 7919 + 31 * place) % 1009).double() / 504.5 - 1
        wave = wave.reshape(value.shape)
        if value.ndim > 1:
            wave = wave * (3 / value[0].numel()) ** 0.5
        else:
            wave = 1 + 0.25 * wave if key.endswith(("weight", "running_var")) else 0.1 * wave
        weights[key] = wave.float()
    network.load_state_dict(weights)


@pytest.mark.parametrize("name", TIMM)
def test_features_equal_timms(name):
    encoder = ResNetD(name, 3, "batch").eval()
    set_weights_by_formula(encoder)
    x = ((torch.arange(3 * 64 * 64) * 7919) % 1009).float().reshape(1, 3, 64, 64) / 504.5 - 1
    with torch.inference_mode():
        for step, width, expected in zip(encoder.steps(), encoder.widths, TIMM[name], strict=True):
            x = step(x)
            assert x.shape[1] == width
            found = x[0, [0, 7, 31]].mean(dim=(1, 2))
            torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=2e-6)
    assert x.shape == (1, 512, 2, 2)


@pytest.mark.parametrize(("name", "millions"), [("resnet18d", 11.7087), ("resnet34d", 21.8169)])
def test_sizes_are_the_published_ones_without_the_classifier(name, millions):
    with torch.device("meta"):
        count = sum(p.numel() for p in ResNetD(name, 3, "batch").parameters())
    assert count + 512 * 1000 + 1000 == pytest.approx(millions * 1e6, abs=60)


def test_names_are_timms():
    with torch.device("meta"):
        weights = ResNetD("resnet34d", 3, "batch").state_dict()
    assert len(weights) == 228  # timm's 230 without fc.weight and fc.bias
    for name, shape in {
        "conv1.0.weight": (32, 3, 3, 3),
        "conv1.4.running_var": (32,),
        "conv1.6.weight": (64, 32, 3, 3),
        "bn1.weight": (64,),
        "layer1.2.conv2.weight": (64, 64, 3, 3),
        "layer2.0.downsample.1.weight": (128, 64, 1, 1),
        "layer2.0.downsample.2.num_batches_tracked": (),
        "layer4.2.bn2.bias": (512,),
    }.items():
        assert weights[name].shape == shape
    assert not any(name.startswith("layer1.0.downsample") for name in weights)


@pytest.mark.parametrize("norm", ["batch", "group", "instance"])
def test_a_block_starts_as_its_shortcut(norm):
    block = ResNetD("resnet18d", 1, norm).eval().layer1[0]
    x = torch.rand(2, 64, 8, 8)
    torch.testing.assert_close(block(x), x)
