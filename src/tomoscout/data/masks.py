"""Label volumes drawn from picks: what a target asks for, as whole numbers on a tomogram's voxels.

For looking at, and for programs that train on files. Training here draws targets on the fly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.targets import TARGETS, needs_labels

_CELLS = 8_000_000  # voxels of a slab: 192 MB of float32 for six objects


def draw_labels(
    picks: Picks,
    *,
    objects: ObjectTable,
    geometry: Geometry,
    target: Choice,
    progress: Callable[[float], None] | None = None,
) -> UInt8[np.ndarray, "z y x"]:
    """Draw the label volume of a run, a few slices at a time.

    Where the target gives a voxel to several objects, it has the one that it belongs to most, and
    of equals the last in the table.

    Parameters
    ----------
    picks
        Centres in ångström from the geometry's corner.
    objects
        Table whose order gives the labels, from 1.
    geometry
        Lattice of the tomogram; drawn at stride 1, whatever its own.
    target
        What is drawn: voxels that it marks with at least a half.
    progress
        Called with the share that is done, up to 1.

    Raises
    ------
    UserError
        If there are more than 255 objects, or the target is none of one mark per object and voxel.
    """
    if len(objects) > 255:
        raise UserError(f"{len(objects)} objects: a label volume holds 255 at most")
    module, settings = target.resolve(TARGETS)
    if needs_labels(module):
        raise UserError(
            f"target '{target.name}': learns from label volumes and cannot draw them: use "
            "spheres, points or heatmaps"
        )
    depth, height, width = geometry.shape
    labels = np.zeros(geometry.shape, np.uint8)
    step = max(1, _CELLS // (height * width))
    for first in range(0, depth, step):
        count = min(step, depth - first)
        part = Geometry((count, height, width), geometry.voxel_spacing)
        shift = np.array([first * geometry.voxel_spacing, 0.0, 0.0])
        moved = replace(picks, zyx=picks.zyx - shift, extent=None)
        marks = module.encode(moved, objects=objects, geometry=part, settings=settings)
        if len(marks) != len(objects):
            raise UserError(
                f"target '{target.name}': {len(marks)} channels for {len(objects)} objects make no "
                "label volume: use spheres, points or heatmaps"
            )
        most = marks.max(axis=0)
        last = len(objects) - 1 - marks[::-1].argmax(axis=0)
        labels[first : first + count] = np.where(most >= 0.5, last + 1, 0)
        if progress is not None:
            progress((first + count) / depth)
    return labels
