from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tomoscout.ops.thin_maps import guard


@pytest.mark.parametrize("shape", [(2, 4, 4), (1, 4, 4), (2, 1, 3), (3, 5, 6), (4, 1, 1)])
@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_in_bf16_are_those_of_float32(shape, stride):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(32, 48, 3, padding=1, stride=stride))
    guard(network)
    image = torch.randn(4, 32, *shape)
    results = {}
    for bf16 in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out = network(image)
        (out.float() ** 2).sum().backward()
        results[bf16] = torch.cat([p.grad.flatten() for p in network.parameters()])
    error = (results[True] - results[False]).norm() / results[False].norm()
    assert float(error) < 0.02


def test_weights_keep_their_names_and_copies_stay_guarded():
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    guard(network)
    twin = copy.deepcopy(network)
    assert network.state_dict().keys() == before.keys()
    assert type(twin[0]) is type(network[0]) is not nn.Conv2d
    nn.init.zeros_(twin[0].weight)
    x = torch.randn(1, 2, 5, 5)
    assert not torch.equal(twin(x), network(x))
    network.load_state_dict(before)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_guarded_network_is_traced_like_any_other():
    network = nn.Conv3d(1, 2, 3, padding=1)
    guard(nn.Sequential(network))
    x = torch.randn(1, 1, 4, 4, 4)
    traced = torch.jit.trace(network, x)
    torch.testing.assert_close(traced(x), network(x))
