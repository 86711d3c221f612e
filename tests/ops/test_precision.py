from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.ops.precision import autocast, choose_device


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
