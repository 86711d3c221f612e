"""Segmentation masks: each cell belongs to the object that fills most of it.

The whole body of a particle is asked for, as a simulator or a segmentation knows it, instead
of a mark at its centre. Choose it to pretrain on simulated masks; picks then come from
`components`. Labels are whole voxels, so only augmentations that move voxels onto voxels (flips,
quarter turns) go with it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8
from pydantic import Field

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.ops.tokens import coverage, dominant
from tomoscout.targets._channels import channels

NEEDS_LABELS = True
"""``encode`` reads a label volume beside the picks."""


class Settings(BaseSettings):
    """Settings of mask targets."""

    threshold: float = Field(default=0.37, gt=0, le=1)
    """Least share of a cell's voxels that an object must fill to have it."""
    soft: bool = False
    """Give each object the share it fills instead of all or nothing."""


def encode(
    picks: Picks,
    *,
    objects: ObjectTable,
    geometry: Geometry,
    settings: Settings,
    labels: UInt8[np.ndarray, "z y x"],
) -> Float32[np.ndarray, "o u v w"]:
    """Mark the cells that each object fills.

    Parameters
    ----------
    picks
        Particles of the crop; what they cover is the label volume's business.
    objects
        Table whose order gives labels and channels.
    geometry
        Lattice of the crop, at the stride of the target.
    settings
        From which share on, and whether shares or all or nothing are given.
    labels
        Label of each voxel of the crop, 0 for background.

    Raises
    ------
    UserError
        If a pick's object, or a label, is not in the table.
    """
    channels(picks, objects)  # raises for an unknown object
    if labels.shape != geometry.shape:
        raise ValueError(f"labels of shape {labels.shape} for a crop of {geometry.shape} voxels")
    if (highest := int(labels.max(initial=0))) > len(objects):
        raise UserError(
            f"the label volume holds {highest}, but the table has {len(objects)} objects "
            f"({', '.join(objects.names)}): give it the labels of the table, 0 for anything else"
        )
    covered = coverage(labels, stride=geometry.stride, objects=len(objects))
    if settings.soft:
        return covered
    label = dominant(covered, threshold=settings.threshold)
    marked = label == np.arange(1, len(objects) + 1)[:, None, None, None]
    return marked.astype(np.float32)
