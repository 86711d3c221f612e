"""Scenes at given picks: a digital twin of a tomogram, or positions of a user's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.simulation.debris import random_rotations


def stand(
    given: Picks, *, objects: ObjectTable, geometry: Geometry, run: str, rng: np.random.Generator
) -> Picks:
    """Return given picks as the truth of a scene: same places, same order, and a pose each.

    Parameters
    ----------
    given
        Where particles stand; poses are drawn where there are none. Scores are dropped.
    objects
        Table that must have all of them.
    geometry
        Of the volume that must hold all of them.
    run
        Name of the scene's run; the picks' own where it is empty.
    rng
        Draws poses.

    Raises
    ------
    UserError
        If an object is unknown or a pick lies outside the volume.
    """
    unknown = sorted(set(given.names) - set(objects.names))
    if unknown:
        raise UserError(
            f"given picks: the object table lacks {', '.join(unknown)}; it has "
            f"{', '.join(objects.names)}.{did_you_mean(unknown[0], objects.names)}"
        )
    outside = ~geometry.contains(given.zyx)
    if outside.any():
        edges = " x ".join(f"{edge:.0f}" for edge in geometry.extent)
        first = ", ".join(f"{value:.0f}" for value in given.zyx[outside][0])
        raise UserError(
            f"given picks: {int(outside.sum())} of {len(given)} lie outside the volume of "
            f"{edges} Å (z, y, x), the first at ({first}): give the shape and the voxel spacing "
            "of the tomogram they belong to"
        )
    turns = random_rotations(len(given), rng) if given.rotations is None else given.rotations
    return replace(
        given,
        scores=np.ones(len(given)),
        rotations=turns,
        run=run or given.run,
        extent=geometry.extent,
    )
