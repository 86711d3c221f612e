"""How much of what the machine can do a network gets: its operations, and the machine's peak.

Used by `benchmarks/predict.py`.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from tomoscout.core.geometry import Shape
from tomoscout.ops.precision import autocast, has_fast_bf16

CHANNELS, EDGE, SECONDS = (64, 128, 256), 48, 1.0


def operations(network: Any, tile: Shape) -> int:
    """Count the multiplications and additions of one tile, without computing any."""
    empty = copy.deepcopy(network).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        empty(torch.empty(1, 1, *tile, device="meta"))
    return int(counter.get_total_flops())


def convolution_peak() -> float:
    """Return the operations per second of the fastest plain 3 x 3 x 3 convolution.

    In bf16 where the processor has it, channels last, many channels: what no network reaches.
    """
    return max(_speed(channels) for channels in CHANNELS)


def number_type() -> str:
    """Say what the peak was measured in."""
    return "bf16" if has_fast_bf16(torch.device("cpu")) else "fp32"


def _speed(channels: int) -> float:
    """Measure one convolution: the best of the runs that fit into a second, after two."""
    layer = torch.nn.Conv3d(channels, channels, 3, padding=1)
    layer = layer.to(memory_format=torch.channels_last_3d)
    x = torch.randn(1, channels, EDGE, EDGE, EDGE).to(memory_format=torch.channels_last_3d)
    count = 2 * 27 * channels * channels * EDGE**3
    times: list[float] = []
    with torch.inference_mode(), autocast(torch.device("cpu")):
        if number_type() == "bf16":
            x = x.bfloat16()
        while len(times) < 3 or sum(times) < SECONDS:
            started = time.perf_counter()
            layer(x)
            times.append(time.perf_counter() - started)
    return count / min(times[2:])
