from __future__ import annotations

import torch

from tomoscout.models.scout_unet import Settings, build


def test_it_is_small_enough_for_two_cores():
    net = build(Settings(), 1, 7)
    assert sum(p.numel() for p in net.parameters()) < 1.5e6


def test_depth_follows_the_widths():
    net = build(Settings(widths=(8, 16, 24)), 1, 3).eval()
    assert net.divisor == (8, 8, 8)
    assert net(torch.zeros(1, 1, 8, 16, 24))[0].shape == (1, 3, 4, 8, 12)


def test_it_learns_where_one_bright_voxel_is():
    """A truth in a dozen steps: the cell with the bright voxel gets the highest logit."""
    torch.manual_seed(0)
    net = build(Settings(widths=(8, 16)), 1, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        at = torch.randint(0, 16, (3,), generator=generator)
        image, label = torch.zeros(1, 1, 16, 16, 16), torch.zeros(1, 8, 8, 8, dtype=torch.long)
        image[0, 0, at[0], at[1], at[2]] = 5.0
        label[0, at[0] // 2, at[1] // 2, at[2] // 2] = 1
        loss = torch.nn.functional.cross_entropy(
            net(image)[0], label, weight=torch.tensor([1.0, 64.0])
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    image = torch.zeros(1, 1, 16, 16, 16)
    image[0, 0, 5, 11, 8] = 5.0
    with torch.inference_mode():
        logits = net(image)[0]
    best = torch.unravel_index((logits[0, 1] - logits[0, 0]).argmax(), (8, 8, 8))
    assert [int(i) for i in best] == [2, 5, 4]
