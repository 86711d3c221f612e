"""Time from a CZII-size tomogram on disk to picks on disk, part by part, and against MONAI.

    python benchmarks/predict.py [--shape 184,630,630] [--weights out/fold0] [--no-monai]

Prints (1) the seconds of one OME-Zarr tomogram to a STAR file of picks, with the peak memory of the
process; (2) where they go: reading, normalising, network, blending, finding peaks, writing, and the
network's share of the machine's peak, measured in the same run with a plain large convolution;
(3) the same network in `monai.inferers.sliding_window_inference` (96^3 windows, overlap 0.25,
gaussian, fp32) on the same volume, and the ratio; (4) both engines at equal tiles, overlap and
blend (plain mean): the largest difference between their scores.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from predict_monai import compare
from predict_peak import convolution_peak, number_type, operations

from tomoscout.core.objects import CZII
from tomoscout.core.settings import Choice
from tomoscout.inference.detect import find_all, pick, predict, resolve_thresholds
from tomoscout.inference.tiling import plan_tiles
from tomoscout.inference.weights import Card, Detector, build_network, load_detector
from tomoscout.io.picks import write_picks
from tomoscout.io.volumes import read_volume, write_volume
from tomoscout.ops import normalise
from tomoscout.ops.allocator import keep_freed_memory
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.simulation import Scene, simulate


def detector(weights: str | None) -> Detector:
    """Load weights, or make the default network with random ones that find next to nothing."""
    if weights:
        return load_detector(weights)
    torch.manual_seed(0)
    card = Card(
        model=Choice(name="scout_unet"),
        objects=tuple(entry.model_dump() for entry in CZII.each()),
        activation="softmax",
        stride=2,
        voxel_spacing=10.012444,
        normalise=NormaliseSettings(),
        patch=(96, 96, 96),
        picker=Choice(name="local_max"),
    )
    network = build_network(card).to(memory_format=torch.channels_last_3d).eval()
    return Detector(network, card)


def main_job(path: Path, weights: str | None) -> None:
    """Run the main job in this process, and print its time and peak memory."""
    model = detector(weights)
    started = time.perf_counter()
    found = pick(read_volume(path), model)
    write_picks([replace(found, run="main")], path.parent / "picks.star", overwrite=True)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"main job: zarr to {len(found)} picks in {seconds:.1f} s, peak memory {peak:.2f} GiB")


@dataclass(frozen=True)
class Stopwatch:
    """Adds up the seconds of named parts."""

    seconds: dict[str, float]

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        started = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - started


class Timed(torch.nn.Module):
    """A network whose time is taken."""

    def __init__(self, network: Any, watch: Stopwatch):
        super().__init__()
        self.network, self.watch = network, watch
        self.strides, self.divisor = network.strides, network.divisor
        if hasattr(network, "tile"):
            self.tile = network.tile

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Call the network."""
        with self.watch.part("network"):
            return self.network(x)


def parts(path: Path, weights: str | None) -> None:
    """Print where the time of the main job goes, and how much of the peak the network gets."""
    model, watch = detector(weights), Stopwatch(defaultdict(float))
    timed = replace(model, network=Timed(model.network, watch))
    apply = normalise.Normaliser.apply

    def timed_apply(self: normalise.Normaliser, block: np.ndarray) -> np.ndarray:
        with watch.part("normalise"):  # beside the network, in another thread
            return apply(self, block)

    with watch.part("read"):
        volume = read_volume(path).load()
    with watch.part("normalise"):
        normalise.measure(volume, model.card.normalise)
    normalise.Normaliser.apply = timed_apply  # type: ignore[method-assign]
    started = time.perf_counter()
    scores = predict(volume, timed)
    predicting = time.perf_counter() - started
    normalise.Normaliser.apply = apply  # type: ignore[method-assign]
    # Predicting measures the scale again, so that what is left is the rest of it.
    watch.seconds["blend"] = max(
        predicting - watch.seconds["network"] - watch.seconds["normalise"], 0
    )
    with watch.part("peaks"):
        found = find_all(scores, model, thresholds=resolve_thresholds(model))
    with watch.part("write"):
        write_picks([replace(found, run="main")], path.parent / "parts.star", overwrite=True)
    total = sum(watch.seconds.values())
    for name in ("read", "normalise", "network", "blend", "peaks", "write"):
        print(f"  {name:9} {watch.seconds[name]:6.2f} s {watch.seconds[name] / total:6.1%}")
    tiling = plan_tiles(volume.shape, network=model.network, objects=len(model.card.objects))
    speed = operations(model.network, tiling.tile) * tiling.count / watch.seconds["network"]
    peak = convolution_peak()
    print(
        f"network: {tiling.count} tiles of {' x '.join(map(str, tiling.tile))} voxels at "
        f"{speed / 1e9:.0f} GFLOP/s, {speed / peak:.0%} of a peak of {peak / 1e9:.0f} GFLOP/s "
        f"({number_type()} convolutions)"
    )


def main() -> None:
    """Run the comparisons."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--shape", default="184,630,630")
    arguments.add_argument("--weights")
    arguments.add_argument("--no-monai", action="store_true")
    arguments.add_argument("--main-job", type=Path)
    options = arguments.parse_args()
    keep_freed_memory()  # as the command line does
    if options.main_job:
        main_job(options.main_job, options.weights)
        return
    z, y, x = (int(n) for n in options.shape.split(","))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tomogram.zarr"
        volume = simulate(seed=1, scene=Scene(shape=(z, y, x))).tomogram
        write_volume(volume, path)
        # A process of its own, so that the peak is the main job's and not the simulation's.
        command = [sys.executable, __file__, "--main-job", str(path)]
        subprocess.run(
            command + (["--weights", options.weights] if options.weights else []), check=True
        )
        parts(path, options.weights)
        if not options.no_monai:
            compare(read_volume(path).load(), detector(options.weights))


if __name__ == "__main__":
    main()
