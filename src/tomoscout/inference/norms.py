"""Statistics of batch norms measured anew, after weights were changed without training.

A batch norm in use scales by what it has seen in training. Networks whose weights were averaged
pass on other maps than those (Izmailov et al., 2018, arXiv:1803.05407, section 3.2): a few passes
over tomograms measure them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.volume import Volume
from tomoscout.inference.weights import Detector
from tomoscout.ops.normalise import NormaliseSettings, measure
from tomoscout.ops.precision import autocast, channels_last

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
"""Layers that keep statistics."""


def measure_norms(
    detector: Detector,
    patches: Iterable[Float32[np.ndarray, "z y x"]],
    *,
    device: torch.device | None = None,
) -> Detector:
    """Measure the statistics of batch norms anew, as the mean over patches.

    Parameters
    ----------
    detector
        Its own network stays as it is.
    patches
        Normalised grey values, as in training; some dozens.
    device
        Where to compute.

    Raises
    ------
    UserError
        If the network has no batch norm, or there are no patches.
    """
    device = device or torch.device("cpu")
    network: Any = copy.deepcopy(detector.network).to(device).eval()
    norms = [module for module in network.modules() if isinstance(module, BATCH_NORMS)]
    if not norms:
        raise UserError(f"{detector.name}: its network has no batch norms to measure: leave it out")
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all patches
        norm.train()
    count = 0
    with torch.inference_mode(), autocast(device):
        for patch in patches:
            network(torch.from_numpy(np.ascontiguousarray(patch))[None, None].to(device))
            count += 1
    if not count:
        raise UserError("no patches to measure norms on: give tomograms")
    measured = copy.deepcopy(detector.network)
    measured.load_state_dict(network.state_dict())
    channels_last(measured)
    notes = f"{detector.card.notes} Its batch norms were measured anew on {count} patches.".strip()
    card = detector.card.model_copy(update={"notes": notes})
    return replace(detector, network=measured.eval(), card=card)


def random_patches(
    volume: Volume,
    settings: NormaliseSettings,
    *,
    shape: Shape,
    count: int,
    rng: np.random.Generator,
) -> Iterator[Float32[np.ndarray, "z y x"]]:
    """Yield normalised patches from random places of a tomogram.

    Parameters
    ----------
    volume
        Tomogram, in memory or on disk, at the voxel spacing of the network.
    settings
        How grey values are brought to one scale.
    shape
        Voxels (z, y, x) of a patch; where the tomogram has fewer, it is mirrored.
    count
        How many.
    rng
        Where from.
    """
    normaliser = measure(volume, settings)
    for _ in range(count):
        starts = [
            int(rng.integers(max(n - k, 0) + 1)) for n, k in zip(volume.shape, shape, strict=True)
        ]
        block = volume.read(*(slice(s, s + k) for s, k in zip(starts, shape, strict=True)))
        missing = [(0, k - have) for k, have in zip(shape, block.shape, strict=True)]
        yield np.pad(normaliser.apply(block), missing, mode="symmetric")
