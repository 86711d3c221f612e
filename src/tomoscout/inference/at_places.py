"""Crops of a tomogram at given places, as networks were trained on them, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.volume import Volume
from tomoscout.inference.merged_card import SAME_SPACING
from tomoscout.models._blocks import check_patch
from tomoscout.ops.crops import crops_at
from tomoscout.ops.normalise import Normaliser

Progress = Callable[[float], None]


def crops_of(
    volume: Volume,
    zyx: Float[np.ndarray, "n 3"],
    shape: Shape,
    *,
    normaliser: Normaliser,
    batch: int,
    progress: Progress | None = None,
) -> Iterator[Float32[np.ndarray, "_ z y x"]]:
    """Yield normalised crops, each starting at the whole voxel that puts it nearest to its centre.

    Parameters
    ----------
    volume
        Tomogram, in memory or on disk.
    zyx
        Centres, in ångström.
    shape
        Voxels (z, y, x) of a crop.
    normaliser
        The tomogram's scale.
    batch
        Crops at a time.
    progress
        Told the share done, 0 to 1.
    """
    for start in range(0, len(zyx), batch):
        part = zyx[start : start + batch] / volume.voxel_spacing
        yield normaliser.apply(crops_at(volume.data, part, shape))
        if progress:
            progress(min(start + batch, len(zyx)) / len(zyx))


def check_spacing(volume: Volume, wanted: float, *, what: str) -> None:
    """Refuse a tomogram whose particles have another size in voxels than those learnt from."""
    if abs(volume.voxel_spacing / wanted - 1) > SAME_SPACING:
        raise UserError(
            f"{volume.name}: voxels of {volume.voxel_spacing:g} Å, but the {what} was trained on "
            f"{wanted:g} Å: resample the tomogram first"
        )


def check_crop(network: Any, crop: Shape, *, name: str) -> None:
    """Refuse crops that a network does not take, and name the right ones."""
    if network.flat and crop[0] != 1:
        right = (1, *crop[1:])
        raise UserError(f"crop {crop}: '{name}' looks at single slices: use {right}")
    try:
        check_patch(torch.empty(1, 1, *crop, device="meta"), network.divisor)
    except ValueError as error:
        raise UserError(f"crop of '{name}': {error}") from error
