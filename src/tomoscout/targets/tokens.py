"""Labels of tokens: cells that a body around the centre covers, or that the centre lies in.

The target of a transformer that classifies blocks of voxels, made for its own, coarse stride.
A body that straddles cells may cover none of them enough: the small cube of 70 Å misses all its
6-voxel cells of 10 Å in one position of 27. The cell of the centre is therefore always marked,
unless `strict` asks for the labels as published.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float32, Int, UInt8
from pydantic import Field

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.ops.tokens import coverage, dominant, paint
from tomoscout.targets._channels import channels


class Settings(BaseSettings):
    """Settings of token targets."""

    by: Literal["coverage", "centre"] = "coverage"
    """``coverage``: the object whose bodies cover most of a cell has it; ``centre``: the one
    whose centre lies in it."""
    shape: Literal["cube", "sphere"] = "cube"
    """Body around each centre: a cube around its voxel, alike for all objects, or a ball."""
    side: float = Field(default=70.0, gt=0)
    """Edge of the cube in ångström, cut down to an odd number of voxels."""
    radius: float = Field(default=0.5, gt=0)
    """Radius of the ball, as a fraction of the object's radius."""
    threshold: float = Field(default=0.3, gt=0, le=1)
    """Least share of a cell's voxels that must be covered."""
    strict: bool = False
    """Labels as published: particles whose body covers no cell enough vanish, and of several
    centres in a cell the first object of the table has it. Otherwise each centre marks its cell."""


def encode(
    picks: Picks, *, objects: ObjectTable, geometry: Geometry, settings: Settings
) -> Float32[np.ndarray, "o z y x"]:
    """Mark the cells of each object; only centres can make a cell belong to two.

    Parameters
    ----------
    picks
        Centres in ångström from the geometry's corner; bodies reach in from outside.
    objects
        Table whose order gives the channels, and its radii. Where bodies overlap, the object
        further down has the voxel.
    geometry
        Lattice of the crop, at the stride of the target.
    settings
        Which cells are marked.

    Raises
    ------
    UserError
        If a pick's object is not in the table.
    """
    channel = channels(picks, objects)
    target = np.zeros((len(objects), *geometry.cells), np.float32)
    if settings.by == "coverage":
        bodies = _bodies(picks, channel, objects, geometry, settings)
        covered = coverage(bodies, stride=geometry.stride, objects=len(objects))
        label = dominant(covered, threshold=settings.threshold)
        target[:] = label == np.arange(1, len(objects) + 1)[:, None, None, None]
        if settings.strict:
            return target
    inside = geometry.contains(picks.zyx)
    z, y, x = np.floor(geometry.to_cells(picks.zyx[inside]) + 0.5).astype(np.int64).T
    target[:, z, y, x] = 0.0  # a centre outweighs the body of another
    target[channel[inside], z, y, x] = 1.0
    if settings.strict:
        target[1:] *= np.cumsum(target, axis=0)[:-1] == 0
    return target


def _bodies(
    picks: Picks,
    channel: Int[np.ndarray, " n"],
    objects: ObjectTable,
    geometry: Geometry,
    settings: Settings,
) -> UInt8[np.ndarray, "z y x"]:
    """Draw the bodies on voxels."""
    if settings.shape == "cube":
        reach = np.full(len(picks), settings.side / 2)
    else:
        reach = settings.radius * np.array([o.radius for o in objects.each()])[channel]
    return paint(
        picks.zyx, channel + 1, geometry=geometry, reach=reach, cubes=settings.shape == "cube"
    )
