from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.models._decoder25d import encode, to_slices, to_volume
from tomoscout.models._resnetd import ResNetD
from tomoscout.models.unet25d import Settings, build
from tomoscout.ops.precision import channels_last
from tomoscout.ops.thin_maps import guard

SMALL = {"encoder": "resnet18d", "decoder": (32, 24, 16, 16, 8)}


def test_the_published_net_has_its_size():
    """resnet34d for one channel, five blocks of two 3-D convolutions, seven classes."""
    with torch.device("meta"):
        net = build(Settings(), 1, 7)
    assert net.strides == (1,)
    assert net.divisor == (16, 32, 32)
    encoder = 21_303_904 - 2 * 32 * 9  # two of three colours less
    joined, widths = (512 + 256, 256 + 128, 128 + 64, 64 + 64, 32), (256, 128, 64, 32, 16)
    decoder = sum(27 * (a * b + b * b) + 4 * b for a, b in zip(joined, widths, strict=True))
    assert sum(p.numel() for p in net.parameters()) == encoder + decoder + 16 * 7 + 7


def test_slices_are_averaged_in_pairs_after_each_stage():
    encoder = ResNetD("resnet18d", 1, "batch").eval()
    with torch.inference_mode():
        features = encode(torch.randn(2, 1, 32, 64, 96), encoder.steps(), (2, 2, 2, 2, 1))
    assert [tuple(f.shape) for f in features] == [
        (2, 64, 16, 32, 48),
        (2, 64, 8, 16, 24),
        (2, 128, 4, 8, 12),
        (2, 256, 2, 4, 6),
        (2, 512, 2, 2, 3),
    ]
    expected = encoder.steps()[0](torch.ones(2, 1, 8, 8)).mean(dim=0)
    found = encode(torch.ones(1, 1, 2, 8, 8), encoder.steps()[:1], (2,))[0][0, :, 0]
    torch.testing.assert_close(found, expected)


def test_slices_come_back_to_their_places():
    volume = torch.arange(2 * 3 * 4 * 5 * 6.0).reshape(2, 3, 4, 5, 6)
    slices = to_slices(volume)
    torch.testing.assert_close(slices[1 * 4 + 2], volume[1, :, 2])  # item 1, slice 2
    torch.testing.assert_close(to_volume(slices, volume), volume)


def test_moved_by_a_whole_cell_the_answer_moves_with_it():
    """16 slices and 32 voxels are what the coarsest cells span: a shift by them is exact."""
    torch.manual_seed(0)
    net = build(validate(Settings, SMALL, source="test"), 1, 3).eval()
    image = torch.zeros(1, 1, 64, 96, 32)
    image[0, 0, 18, 40, 17] = 10.0
    flat = torch.zeros_like(image)
    with torch.inference_mode():
        answer = net(image)[0] - net(flat)[0]
        moved = net(image.roll((16, 32), (2, 3)))[0] - net(flat)[0]
    middle = (..., slice(32, 48), slice(40, 80), slice(None))
    assert answer.roll((16, 32), (2, 3))[middle].abs().max() > 0
    torch.testing.assert_close(
        moved[middle], answer.roll((16, 32), (2, 3))[middle], rtol=1e-3, atol=1e-3
    )


def test_at_stride_2_the_last_block_is_not_built():
    net = build(validate(Settings, {**SMALL, "output_stride": 2}, source="test"), 1, 3).eval()
    assert net.strides == (2,)
    assert len(net.ups) == 4
    with torch.inference_mode():
        assert net(torch.zeros(1, 1, 16, 64, 32))[0].shape == (1, 3, 8, 32, 16)


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_it_learns_from_one_patch_a_step_and_computes_the_same_in_use(norm):
    """Batch norm would see other statistics in use than in training."""
    torch.manual_seed(0)
    settings = validate(Settings, {**SMALL, "norm": norm, "output_stride": 2}, source="test")
    net = build(settings, 1, 2)
    channels_last(net)
    guard(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    image, label = torch.randn(1, 1, 16, 32, 64), torch.zeros(1, 8, 16, 32, dtype=torch.long)
    image[0, 0, 9:13, 11:15, 37:41] -= 6.0
    label[0, 5, 6, 19] = 1
    losses = []
    for _ in range(8):
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(image)[0]
        weight = torch.tensor([1.0, 256.0])
        loss = torch.nn.functional.cross_entropy(logits.float(), label, weight=weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    with torch.inference_mode():
        torch.testing.assert_close(net.eval()(image)[0], net.train()(image)[0])


def test_pretrained_weights_are_loaded_when_asked_and_not_when_built(tmp_path):
    source = ResNetD("resnet18d", 3, "batch")
    path = tmp_path / "resnet18d.pth"
    torch.save(source.state_dict(), path)
    settings = validate(Settings, {**SMALL, "pretrained": str(path)}, source="test")
    net = build(settings, 1, 3)
    kernel = source.conv1[0].weight.data.sum(1, keepdim=True)
    assert not torch.equal(net.encoder.conv1[0].weight.data, kernel)
    net.load_pretrained()
    torch.testing.assert_close(net.encoder.conv1[0].weight.data, kernel)
    path.unlink()
    build(settings, 1, 3)  # as when trained weights are used elsewhere


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"decoder": (32, 16)}, "decoder needs 5 widths, found 2"),
        ({"output_stride": 2, "depth_pools": (4, 2, 2, 1, 1)}, "output_stride 2 needs"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options, told):
    with pytest.raises(UserError, match=told):
        build(validate(Settings, options, source="test"), 1, 3)
