from __future__ import annotations

import torch
from torch import nn

from tomoscout.ops.rarity import no_background, start_rare


def test_objects_start_rare_and_background_certain():
    head = nn.Conv3d(4, 3, 1)
    start_rare(head)
    p = torch.softmax(head(torch.zeros(1, 4, 1, 1, 1)).detach(), dim=1).flatten()
    assert float(p[0]) > 0.99
    assert 0 < float(p[1]) < 0.005


def test_without_background_all_channels_start_low_and_alike():
    network = nn.Sequential(nn.Conv3d(2, 3, 1), nn.Conv3d(3, 3, 1))
    untouched = network[0].bias.detach().clone()
    start_rare(network[1])
    no_background(network)
    p = torch.sigmoid(network[1](torch.zeros(1, 3, 1, 1, 1)).detach()).flatten()
    torch.testing.assert_close(p, torch.full((3,), 0.0998), atol=1e-3, rtol=0)
    torch.testing.assert_close(network[0].bias.detach(), untouched, rtol=0, atol=0)
