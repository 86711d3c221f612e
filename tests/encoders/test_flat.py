"""The encoders of single slices, against what is published of their networks."""

from __future__ import annotations

import torch

from tomoscout.encoders import ENCODERS


def build(name: str, **options):
    module = ENCODERS[name]
    with torch.device("meta"):
        return module.build(module.Settings(**options))


def backbone(encoder) -> int:
    return sum(p.numel() for n, p in encoder.named_parameters() if not n.startswith("projector"))


def test_resnet18_has_the_size_of_the_one_for_cifar():
    """11.17 million with a head of 512 x 10 + 10 on pictures of three channels."""
    encoder = build("resnet18_flat")
    assert backbone(encoder) == 11_173_962 - 5130 - 2 * 64 * 9
    assert (encoder.features, encoder.projection, encoder.divisor) == (512, 128, (1, 8, 8))
    assert encoder.stages(torch.zeros(2, 64, 32, 32, device="meta")).shape == (2, 512, 4, 4)


def test_resnet20_has_the_size_of_the_one_for_cifar():
    """272,474 with convolutions as shortcuts, three channels, and a head of 64 x 10 + 10."""
    encoder = build("resnet20_flat")
    assert backbone(encoder) == 272_474 - 650 - 2 * 16 * 9
    assert (encoder.features, encoder.projection, encoder.divisor) == (64, 32, (1, 4, 4))
    assert encoder.stages(torch.zeros(2, 16, 32, 32, device="meta")).shape == (2, 64, 8, 8)


def test_resnet50_has_the_size_of_the_one_for_cifar():
    """23,520,842 with three channels and a head of 2048 x 10 + 10."""
    encoder = build("resnet50_flat")
    assert backbone(encoder) == 23_520_842 - 20_490 - 2 * 64 * 9
    assert (encoder.features, encoder.projection, encoder.divisor) == (2048, 128, (1, 8, 8))
    assert encoder.stages(torch.zeros(2, 64, 32, 32, device="meta")).shape == (2, 2048, 4, 4)


def test_a_fresh_narrow_block_is_its_shortcut_too():
    torch.manual_seed(0)
    module = ENCODERS["resnet50_flat"]
    block = module.build(module.Settings()).eval().stages[0][1]
    x = torch.rand(1, 256, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(block(x), x)


def test_projections_have_the_published_widths():
    for name, widths in (("resnet18_flat", (512, 2048, 128)), ("resnet20_flat", (64, 512, 32))):
        layers = [m for m in build(name).projector if isinstance(m, torch.nn.Linear)]
        assert (layers[0].in_features, *(m.out_features for m in layers)) == widths


def test_batch_norm_is_put_behind_the_inner_layers_alone():
    kinds = [
        type(m).__name__
        for m in build("resnet20_flat", projection=[8, 8, 4], projection_norm=True).projector
    ]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear"]


def test_a_fresh_block_is_its_shortcut():
    """So the pooled features of a fresh network are those of its shortcuts, whatever the depth."""
    torch.manual_seed(0)
    module = ENCODERS["resnet20_flat"]
    stage = module.build(module.Settings()).eval().stages[0]
    x = torch.rand(1, 16, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(stage(x), x)
