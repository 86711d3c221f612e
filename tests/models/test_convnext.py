"""Encoders equal timm 1.0.31's."""

from __future__ import annotations

import pytest
import torch

from tomoscout.models._convnext import VARIANTS, ConvNeXt

TIMM = {  # mean of channels 0, 7 and 31 after each step
    "convnext_atto": [
        (0.352551, -0.281118, 0.571832),
        (0.637027, -0.613517, 0.330674),
        (2.553816, -0.428703, -1.681761),
        (0.532666, -0.675003, -0.324831),
    ],
    "convnext_nano": [
        (0.061003, -1.067537, 0.65577),
        (1.218034, -0.345951, -0.69477),
        (2.639523, -3.33018, 0.884189),
        (1.086412, -0.826901, -0.28212),
    ],
}


def set_weights_by_formula(network) -> None:
    """The formula under which timm's features were taken, key by key in alphabetical order."""
    weights = network.state_dict()
    for place, key in enumerate(sorted(weights)):
        value = weights[key]
        wave = ((torch.arange(value.numel()) * 7919 + 31 * place) % 1009).double() / 504.5 - 1
        wave = wave.reshape(value.shape)
        if value.ndim > 1:
            wave = wave * (3 / value[0].numel()) ** 0.5
        else:
            wave = 1 + 0.25 * wave if key.endswith(("weight", "gamma")) else 0.1 * wave
        weights[key] = wave.float()
    network.load_state_dict(weights)


@pytest.mark.parametrize("name", TIMM)
def test_features_equal_timms(name):
    encoder = ConvNeXt(name, 3).eval()
    set_weights_by_formula(encoder)
    x = ((torch.arange(3 * 64 * 64) * 7919) % 1009).float().reshape(1, 3, 64, 64) / 504.5 - 1
    with torch.inference_mode():
        for step, width, expected in zip(encoder.steps(), encoder.widths, TIMM[name], strict=True):
            x = step(x)
            assert x.shape[1] == width
            found = x[0, [0, 7, 31]].mean(dim=(1, 2))
            torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-5)
    assert x.shape[2:] == (2, 2)


@pytest.mark.parametrize(
    ("name", "millions"),
    [("convnext_atto", 3.70), ("convnext_femto", 5.22), ("convnext_pico", 9.05),
     ("convnext_nano", 15.59)],
)  # fmt: skip
def test_sizes_are_the_published_ones_without_the_classifier(name, millions):
    with torch.device("meta"):
        count = sum(p.numel() for p in ConvNeXt(name, 3).parameters())
    last = VARIANTS[name].widths[-1]
    assert count + 2 * last + 1000 * last + 1000 == pytest.approx(millions * 1e6, abs=6e3)


def test_names_are_timms():
    with torch.device("meta"):
        weights = ConvNeXt("convnext_nano", 3).state_dict()
    assert len(weights) == 142  # timm's 146 without the four of the head
    for name, shape in {
        "stem.0.weight": (80, 3, 4, 4),
        "stem.1.bias": (80,),
        "stages.0.blocks.1.gamma": (80,),
        "stages.1.downsample.0.weight": (80,),
        "stages.1.downsample.1.weight": (160, 80, 2, 2),
        "stages.2.blocks.7.conv_dw.weight": (320, 1, 7, 7),
        "stages.2.blocks.7.norm.weight": (320,),
        "stages.3.blocks.0.mlp.fc1.weight": (2560, 640, 1, 1),
        "stages.3.blocks.0.mlp.fc2.bias": (640,),
    }.items():
        assert weights[name].shape == shape
    assert not any(name.startswith("stages.0.downsample") for name in weights)
