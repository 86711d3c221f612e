"""Time of every backend on the same tile, and what PyTorch as it trains takes beside it.

    python benchmarks/backends.py [--networks scout_unet,flexible_unet] [--tile 96,192,192]
        [--backends torch,openvino] [--repeat 5] [--weights out/fold0] [--out file.json]

One row per network, number type and backend: seconds per tile (the least of the repeats, which
take turns so that a busy machine hurts all alike), the ratio to eager PyTorch in the same number
type (higher is quicker), the largest difference of a logit from eager float32 in units of the
logits' spread, and how long it took to make the network ready. A backend whose extra is missing,
or that has no bf16, is said so. ``inductor`` compiles for minutes: name it to have it measured.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.inference.backends import BACKENDS, fastest, find_backend
from tomoscout.inference.weights import load_detector
from tomoscout.models import MODELS
from tomoscout.ops.precision import autocast, channels_last, has_fast_bf16
from tomoscout.ops.thin_maps import guard

CPU = torch.device("cpu")


def network_of(name: str, weights: str | None) -> Any:
    """Build a network with random weights, laid out as loaded ones are; or load weights."""
    if weights:
        return load_detector(weights).network
    torch.manual_seed(0)
    module, settings = Choice(name=name).resolve(MODELS)
    network = module.build(settings, 1, 7).eval()
    guard(network)
    channels_last(network)
    return network


def ready(
    network: Any, names: list[str], tile: tuple[int, int, int], folder: Path, *, bf16: bool
) -> dict[str, tuple[Callable[[Any], Any], float]]:
    """Make the network ready with each backend; say which cannot, and how long each took."""

    def eager(x: torch.Tensor) -> Any:
        with torch.inference_mode(), autocast(CPU, bf16):
            return network(x)

    found: dict[str, tuple[Callable[[Any], Any], float]] = {"eager": (eager, 0.0)}
    for name in names:
        if name == "onnx" and bf16:
            print("  onnx: has no bf16")
            continue
        started = time.perf_counter()
        try:
            made = find_backend(name).prepare(
                network, tile=tile, device=CPU, folder=folder, bf16=bf16
            )
        except UserError as error:
            print(f"  {name}: {error}")
            continue
        found[name] = (made, time.perf_counter() - started)
    return found


def measure(
    runs: dict[str, tuple[Callable[[Any], Any], float]], x: torch.Tensor, repeat: int
) -> dict[str, float]:
    """Return the least time of each, taking turns."""
    least = dict.fromkeys(runs, float("inf"))
    for turn in range(repeat + 1):
        for name, (run, _) in runs.items():
            started = time.perf_counter()
            run(x)
            if turn:  # the first warms up
                least[name] = min(least[name], time.perf_counter() - started)
    return least


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--networks", default="scout_unet,flexible_unet")
    arguments.add_argument("--tile", default="96,192,192")
    quick = [name for name in BACKENDS.names() if name != "inductor"]
    arguments.add_argument("--backends", default=",".join(quick))
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--weights")
    arguments.add_argument("--out", type=Path)
    options = arguments.parse_args()
    z, y, x = (int(n) for n in options.tile.split(","))
    rows = []
    print(f"{torch.get_num_threads()} threads, tile {z} x {y} x {x}; default: {fastest(CPU)}")
    for name in options.networks.split(","):
        network = network_of(name, options.weights)
        block = torch.randn(1, 1, z, y, x, generator=torch.Generator().manual_seed(1))
        block = block.to(memory_format=torch.channels_last_3d)
        with torch.inference_mode():
            exact = network(block)[0]
        for bf16 in (False, True):
            if bf16 and not has_fast_bf16(CPU):
                print(f"{name}: no fast bf16 on this processor")
                continue
            kind = "bf16" if bf16 else "fp32"
            with tempfile.TemporaryDirectory() as folder:
                runs = ready(
                    network, options.backends.split(","), (z, y, x), Path(folder), bf16=bf16
                )
                times = measure(runs, block, options.repeat)
            for backend, (run, seconds) in runs.items():
                off = float((run(block)[0].float() - exact).abs().max() / exact.std())
                ratio = times["eager"] / times[backend]
                row = {
                    "network": name, "numbers": kind, "backend": backend,
                    "seconds": round(times[backend], 4), "ratio": round(ratio, 3),
                    "off": off, "ready_seconds": round(seconds, 2),
                }  # fmt: skip
                rows.append(row)
                print(
                    f"{name:16} {kind} {backend:12} {times[backend]:7.3f} s  x{ratio:4.2f}  "
                    f"off {off:.1e}  ready in {seconds:.1f} s",
                    flush=True,
                )
    if options.out:
        options.out.write_text(json.dumps({"tile": [z, y, x], "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
