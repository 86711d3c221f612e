"""Which device to compute on, in which number format and memory layout."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float16, Float32

from tomoscout.core.errors import UserError

_BF16_INSTRUCTIONS = ("avx512_bf16", "amx_tile")


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    UserError
        If the name is not a device, or the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"--device {name}: choose auto, cpu, cuda or cuda:0") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: choose auto, cpu, cuda or cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"--device {name}: {torch.cuda.device_count()} CUDA devices found; use --device cpu"
        )
    return device


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether bf16 convolutions run at speed: emulated ones are slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capability = torch.backends.cpu.get_cpu_capability()
    if not capability.startswith("AVX512") or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    # oneDNN takes bf16 on every AVX-512 processor, and emulates it on those without the
    # instructions (Skylake to Ice Lake). Torch before 2.6 cannot tell.
    asks = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in _BF16_INSTRUCTIONS]
    return any(ask() for ask in asks if ask) or not any(asks)


def autocast(device: torch.device, enabled: bool = True) -> AbstractContextManager[None]:
    """Return bf16 autocast where the device has it, and nothing elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled and has_fast_bf16(device))


def channels_last(network: Any) -> None:
    """Lay the weights of a torch module out as its images are: channels innermost, 2-D and 3-D."""
    # Module.to(memory_format=...) takes one format, and fails on a network that has both.
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim == 5:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
            elif weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def to_half(values: Float32[np.ndarray, "*shape"]) -> Float16[np.ndarray, "*shape"]:
    """Round to float16; torch does it some thirty times faster than numpy."""
    return torch.from_numpy(values).half().numpy()
