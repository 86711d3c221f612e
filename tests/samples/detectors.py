"""Weights of small networks, and tomograms of noise, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tomoscout.core.objects import CZII
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.weights import Card, Detector, build_network, save_detector
from tomoscout.io.volumes import write_volume
from tomoscout.ops.normalise import NormaliseSettings


def save_weights(path: Path, seed: int, *, together: bool = False, **recipe: str) -> None:
    """Random weights of a small network for the challenge's objects."""
    torch.manual_seed(seed)
    card = Card(
        model=Choice(name="scout_unet", widths=[4, 8]),
        objects=tuple(entry.model_dump() for entry in CZII.each()),
        activation="softmax",
        stride=2,
        voxel_spacing=10.0,
        normalise=NormaliseSettings(),
        patch=(32, 32, 32),
        picker=Choice(name="local_max"),
        together=together,
        thresholds=dict.fromkeys(CZII.names, 0.2),
        recipe=recipe,
    )
    network = build_network(card)
    last = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)][-1]
    torch.nn.init.zeros_(last.bias)
    torch.nn.init.normal_(last.weight)  # scores that differ from cell to cell
    save_detector(Detector(network, card), path)


def save_tomogram(path: Path, seed: int, shape: tuple[int, int, int] = (24, 32, 40)) -> None:
    """Noise of 10 Å voxels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    write_volume(Volume(noise, 10.0), path)
