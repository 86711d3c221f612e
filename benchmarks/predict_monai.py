"""Our prediction against MONAI's sliding window, on the same tomogram with the same network.

Used by `benchmarks/predict.py`.
"""

from __future__ import annotations

import copy
import time

import numpy as np
import torch

from tomoscout.core.volume import Volume
from tomoscout.inference.sliding_window import Tiling, plan_tiles, stream_scores
from tomoscout.inference.weights import Detector
from tomoscout.ops.normalise import measure
from tomoscout.ops.tiles import axis_tiles

WINDOW, OVERLAP = 96, 0.25


def compare(volume: Volume, found: Detector) -> None:
    """Print both times and their ratio, and how far the scores differ at equal tiles."""
    small = Volume(volume.data[:96, :96, :96], volume.voxel_spacing)
    ours(small, found, plan_tiles(small.shape, network=found.network), bf16=True)  # warms up

    started = time.perf_counter()
    ours(volume, found, plan_tiles(volume.shape, network=found.network), bf16=True)
    mine = time.perf_counter() - started
    started = time.perf_counter()
    monai(volume, found, "gaussian")
    theirs = time.perf_counter() - started
    print(f"prediction alone: ours {mine:.1f} s, MONAI {theirs:.1f} s, ratio {theirs / mine:.1f}")

    step, stride = int(WINDOW * (1 - OVERLAP)), found.network.strides[0]
    z, y, x = (
        axis_tiles(n, tile=WINDOW, step=step, stride=stride, blend="constant") for n in volume.shape
    )
    reference = monai(volume, found, "constant")
    for bf16 in (False, True):
        scores = ours(volume, found, Tiling((WINDOW,) * 3, (z, y, x)), bf16=bf16)
        difference = np.abs(scores - reference)
        print(
            f"equal tiles, ours in {'bf16' if bf16 else 'fp32'}: largest difference "
            f"{difference.max():.1e}, mean {difference.mean():.1e}"
        )


def ours(volume: Volume, found: Detector, tiling: Tiling, *, bf16: bool) -> np.ndarray:
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


def monai(volume: Volume, found: Detector, mode: str) -> np.ndarray:
    """Return the score map as MONAI computes it, with probabilities blended as ours are."""
    from monai.inferers import sliding_window_inference

    # The peer as its users run it: the same weights in torch's default memory format.
    network = copy.deepcopy(found.network).to(memory_format=torch.contiguous_format)
    data = torch.from_numpy(measure(volume).apply(volume.read()))[None, None]
    with torch.inference_mode():
        scores = sliding_window_inference(
            data,
            roi_size=(WINDOW,) * 3,
            sw_batch_size=1,
            predictor=lambda x: torch.softmax(network(x)[0], dim=1)[:, 1:],
            overlap=OVERLAP,
            mode=mode,
        )
    return scores[0].numpy()
