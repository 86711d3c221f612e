from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.models._convnext import ConvNeXt
from tomoscout.models.sliding_unet25d import Settings, ShuffleHead, build, neighbours
from tomoscout.ops.precision import channels_last
from tomoscout.ops.thin_maps import guard

SMALL = {"encoder": "convnext_atto", "decoder": (48, 32, 24)}


def small(**options):
    return build(validate(Settings, {**SMALL, **options}, source="test"), 1, 3)


def test_the_published_net_has_its_size():
    """convnext_nano of five channels, 3-D convolutions on its skips, decoder (1024, 768, 256)."""
    with torch.device("meta"):
        net = build(Settings(), 1, 6)
    assert net.strides == (1,)
    assert net.divisor == (16, 32, 32)
    encoder = 14_951_280 + 2 * 80 * 16  # two channels more than colours
    skips = sum(2 * (27 * w * w + 2 * w) for w in (80, 160, 320, 640))
    joined, widths = (640 + 320, 1024 + 160, 768 + 80), (1024, 768, 256)
    decoder = sum(27 * (a * b + b * b) + 4 * b for a, b in zip(joined, widths, strict=True))
    head = (256 + 1) * 64 * 6
    assert sum(p.numel() for p in net.parameters()) == encoder + skips + decoder + head


def test_each_slice_sees_two_neighbours_on_either_side():
    x = torch.arange(1.0, 7.0).reshape(1, 1, 6, 1, 1)
    found = neighbours(x, 5)[0, :, :, 0, 0].T
    assert found.tolist() == [
        [0, 0, 1, 2, 3],
        [0, 1, 2, 3, 4],
        [1, 2, 3, 4, 5],
        [2, 3, 4, 5, 6],
        [3, 4, 5, 6, 0],
        [4, 5, 6, 0, 0],
    ]
    torch.testing.assert_close(neighbours(x, 1), x)


def test_the_head_spreads_each_cell_over_its_64_voxels():
    """Row 16 z + 4 y + x of a class is voxel (z, y, x) of each cell."""
    head = ShuffleHead(1, 2)
    with torch.no_grad():
        head.weight.copy_(torch.arange(128.0).reshape(2, 64, 1))
    cells = torch.tensor([1.0, 1000.0]).reshape(1, 1, 1, 1, 2)
    with torch.inference_mode():
        voxels = head(cells)
    assert voxels.shape == (1, 2, 4, 4, 8)
    assert voxels[0, 0, 1, 2, 3] == 16 + 8 + 3
    assert voxels[0, 1, 1, 2, 4 + 3] == (64 + 16 + 8 + 3) * 1000


def test_moved_by_a_whole_cell_the_answer_moves_with_it():
    """16 slices and 32 voxels are what the coarsest cells span: a shift by them is exact."""
    torch.manual_seed(0)
    net = small().eval()
    image = torch.zeros(1, 1, 96, 32, 160)
    image[0, 0, 37, 16, 53] = 10.0
    flat = torch.zeros_like(image)
    with torch.inference_mode():
        answer = net(image)[0] - net(flat)[0]
        moved = net(image.roll((16, 32), (2, 4)))[0] - net(flat)[0]
    expected = answer.roll((16, 32), (2, 4))
    middle = (..., slice(40, 64), slice(None), slice(64, 108))
    assert expected[middle].abs().max() > 1e-4
    torch.testing.assert_close(moved[middle], expected[middle], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_particle_moved_by_one_slice_moves_the_answer_by_one_slice():
    """After learning a bump: averaged slices and shuffled voxels still tell single slices."""
    torch.manual_seed(0)
    net = small(decoder=(24, 16, 16))
    channels_last(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    at = torch.arange(5.0, 11.0)
    z, y, x = (torch.arange(n, dtype=torch.float32) for n in (16, 32, 32))
    square = (z[:, None, None] - at[:, None, None, None]) ** 2
    square = square + (y[:, None] - 15) ** 2 + (x - 17) ** 2
    image, target = -3 * torch.exp(-square / 8)[:, None], torch.exp(-square / 18)
    for _ in range(120):
        scores = torch.sigmoid(net(image)[0][:, 0])
        loss = ((scores - target) ** 2 * (target + 0.1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    bright = scores.detach()
    bright = bright * (bright > 0.5 * bright.amax((1, 2, 3), keepdim=True))
    tops = (bright.sum((2, 3)) * z).sum(1) / bright.sum((1, 2, 3))
    torch.testing.assert_close(tops, at, rtol=0, atol=0.4)


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_it_learns_from_one_patch_a_step_in_bf16(norm):
    torch.manual_seed(0)
    net = small(norm=norm)
    channels_last(net)
    guard(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    image, target = torch.randn(1, 1, 16, 32, 64), torch.zeros(1, 3, 16, 32, 64)
    image[0, 0, 5:9, 12:20, 40:48] -= 6.0
    target[0, 1, 5:9, 12:20, 40:48] = 1.0
    losses = []
    for _ in range(20):
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(image)[0]
        loss = ((torch.sigmoid(logits.float()) - target) ** 2 * (target + 0.1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_pretrained_weights_fill_five_channels(tmp_path):
    source = ConvNeXt("convnext_atto", 3)
    torch.save(source.state_dict(), tmp_path / "atto.pth")
    net = small(pretrained=str(tmp_path / "atto.pth"))
    net.load_pretrained()
    kernel, found = source.stem[0].weight.data, net.encoder.stem[0].weight.data
    assert found.shape[1] == 5
    torch.testing.assert_close(found[:, [0, 3]], kernel[:, [0, 0]] * 3 / 5)
    block, trained = net.encoder.stages[2].blocks[5], source.stages[2].blocks[5]
    torch.testing.assert_close(block.mlp["fc2"].weight.data, trained.mlp["fc2"].weight.data)


def test_an_even_number_of_slices_is_refused():
    with pytest.raises(UserError, match="odd, found 4"):
        small(slices=4)
