"""Time from a CZII-size tomogram on disk to picks, and against MONAI's sliding window.

    python benchmarks/predict.py [--shape 184,630,630] [--weights out/fold0]

Three lines: (1) one OME-Zarr tomogram to picks, with the peak memory of the process; (2) the
same network in `monai.inferers.sliding_window_inference` (96^3 windows, overlap 0.25, gaussian,
fp32) on the same volume in the same run, and the ratio; (3) both engines at equal tiles,
overlap and blend (plain mean): the largest difference between their scores.
"""

from __future__ import annotations

import argparse
import copy
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from tomoscout.core.objects import CZII
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.detect import pick
from tomoscout.inference.sliding_window import (
    Tiling,
    plan_tiles,
    stream_scores,
)
from tomoscout.inference.weights import Card, Detector, build_network, load_detector
from tomoscout.io.volumes import read_volume, write_volume
from tomoscout.ops.normalise import NormaliseSettings, measure
from tomoscout.ops.tiles import axis_tiles
from tomoscout.simulation import Scene, simulate

MONAI_WINDOW, MONAI_OVERLAP = 96, 0.25


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
    """Run the main job in this process and print its time and peak memory."""
    started = time.perf_counter()
    found = pick(read_volume(path), detector(weights))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"main job: zarr to {len(found)} picks in {seconds:.1f} s, peak memory {peak:.2f} GiB")


def collect(volume: Volume, found: Detector, tiling: Tiling, *, bf16: bool) -> np.ndarray:
    """Return the whole score map of our engine."""
    slabs = stream_scores(
        volume,
        found.network,
        measure(volume),
        activation="softmax",
        tiling=tiling,
        bf16=bf16,
    )
    return np.concatenate([slab.scores for slab in slabs], axis=1)


def monai_scores(volume: Volume, found: Detector, mode: str) -> np.ndarray:
    """Return the score map as MONAI computes it, with probabilities blended as ours are."""
    from monai.inferers import sliding_window_inference

    normaliser = measure(volume)
    # The peer as its users run it: the same weights in torch's default memory format.
    network = copy.deepcopy(found.network).to(memory_format=torch.contiguous_format)
    data = torch.from_numpy(normaliser.apply(volume.read()))[None, None]
    with torch.inference_mode():
        scores = sliding_window_inference(
            data,
            roi_size=(MONAI_WINDOW,) * 3,
            sw_batch_size=1,
            predictor=lambda x: torch.softmax(network(x)[0], dim=1)[:, 1:],
            overlap=MONAI_OVERLAP,
            mode=mode,
        )
    return scores[0].numpy()


def main() -> None:
    """Run the three comparisons."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--shape", default="184,630,630")
    arguments.add_argument("--weights")
    arguments.add_argument("--main-job", type=Path)
    options = arguments.parse_args()
    if options.main_job:
        main_job(options.main_job, options.weights)
        return
    z, y, x = (int(n) for n in options.shape.split(","))
    found = detector(options.weights)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tomogram.zarr"
        volume = simulate(seed=1, scene=Scene(shape=(z, y, x))).tomogram
        write_volume(volume, path)
        # A process of its own, so that the peak is the main job's and not the simulation's.
        command = [sys.executable, __file__, "--main-job", str(path)]
        subprocess.run(
            command + (["--weights", options.weights] if options.weights else []), check=True
        )
        volume = read_volume(path).load()
    collect(
        Volume(volume.data[:96, :96, :96], 10.0),
        found,
        plan_tiles((96, 96, 96), network=found.network),
        bf16=True,
    )

    started = time.perf_counter()
    collect(volume, found, plan_tiles(volume.shape, network=found.network), bf16=True)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    monai_scores(volume, found, "gaussian")
    theirs = time.perf_counter() - started
    print(f"prediction alone: ours {ours:.1f} s, MONAI {theirs:.1f} s, ratio {theirs / ours:.1f}")

    step = int(MONAI_WINDOW * (1 - MONAI_OVERLAP))
    axes = [
        axis_tiles(n, tile=MONAI_WINDOW, step=step, stride=2, blend="constant")
        for n in volume.shape
    ]
    theirs_scores = monai_scores(volume, found, "constant")
    equal = Tiling((MONAI_WINDOW,) * 3, (axes[0], axes[1], axes[2]))
    for bf16 in (False, True):
        difference = np.abs(collect(volume, found, equal, bf16=bf16) - theirs_scores)
        name = "bf16" if bf16 else "fp32"
        print(
            f"equal tiles, ours in {name}: largest difference {difference.max():.1e}, "
            f"mean {difference.mean():.1e}"
        )


if __name__ == "__main__":
    main()
