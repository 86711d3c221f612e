from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tomoscout.encoders.resnet3d import Settings, build


def test_a_crop_of_32_voxels_is_cheap():
    with torch.device("meta"):
        encoder, crop = build(Settings()).eval(), torch.zeros(1, 1, 32, 32, 32)
    with FlopCounterMode(display=False) as counted:
        encoder(crop)
    assert counted.get_total_flops() < 0.1e9
    assert sum(p.numel() for p in encoder.parameters()) < 1e6


@torch.inference_mode()
@pytest.mark.parametrize("edge", [24, 32, 40, 48])
def test_crops_of_24_to_48_voxels_are_taken(edge):
    found = build(Settings(widths=(4, 8, 8))).eval()(torch.randn(1, 1, edge, edge, edge))
    assert found.shape == (1, 8)


def test_group_norm_keeps_crops_apart_in_training_too():
    torch.manual_seed(0)
    crops = torch.randn(3, 1, 16, 16, 16)
    moved = {}
    for norm in ("batch", "group"):
        encoder = build(Settings(widths=(8, 8, 16), norm=norm)).train()
        with torch.no_grad():
            alone, other = encoder(crops)[0], encoder(torch.cat([crops[:1], 3 * crops[1:]]))[0]
        moved[norm] = float((alone - other).abs().max())
    assert moved["group"] < 1e-5 < 1e-2 < moved["batch"]


def test_it_learns_the_size_of_balls_in_noise():
    """Balls of 3 and 5 voxels, a fifth as bright as the noise, told apart after some steps."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    encoder = build(Settings(widths=(8, 16, 16)))
    head = torch.nn.Linear(encoder.features, 2)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-2)

    def draw(count: int):
        label = torch.arange(count) % 2
        grid = torch.stack(torch.meshgrid(*(torch.arange(16.0),) * 3, indexing="ij"), -1)
        centre = 7.5 + 2 * torch.rand(count, 1, 1, 1, 3, generator=generator) - 1
        inside = (grid - centre).norm(dim=-1) < (3.0 + 2 * label)[:, None, None, None]
        noise = torch.randn(count, 16, 16, 16, generator=generator)
        return (noise - 0.8 * inside)[:, None], label

    for _ in range(25):
        crops, label = draw(16)
        loss = torch.nn.functional.cross_entropy(head(encoder(crops)), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    encoder.eval()
    crops, label = draw(100)
    with torch.inference_mode():
        right = (head(encoder(crops)).argmax(1) == label).float().mean()
    assert right > 0.85
