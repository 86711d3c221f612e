from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.ops.precision import autocast, channels_last, choose_device, has_fast_bf16


def test_devices_by_name():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_with_a_remedy(name):
    with pytest.raises(UserError, match=name):
        choose_device(name)


def test_autocast_can_be_switched_off():
    layer = torch.nn.Conv3d(1, 1, 1)
    with autocast(torch.device("cpu"), enabled=False):
        assert layer(torch.zeros(1, 1, 2, 2, 2)).dtype == torch.float32


def test_a_processor_that_only_emulates_bf16_is_not_fast_at_it(monkeypatch):
    """AVX-512 without the bf16 instructions (Skylake): oneDNN takes bf16 there, and is slow."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    for name in ("avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda: False, raising=False)
    assert not has_fast_bf16(torch.device("cpu"))


def test_weights_of_2d_and_3d_convolutions_are_laid_out_channels_innermost():
    network = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3), torch.nn.Conv3d(4, 4, 3))
    values = [weight.detach().clone() for weight in network.parameters()]
    channels_last(network)
    assert network[0].weight.stride(1) == network[1].weight.stride(1) == 1
    for weight, value in zip(network.parameters(), values, strict=True):
        torch.testing.assert_close(weight.detach(), value, rtol=0, atol=0)
