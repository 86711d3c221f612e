"""A ball around each centre, a fraction of the particle's radius wide.

More positive cells than `points`, so training is easier and steadier, but a large ball merges
neighbours: in the CZII challenge 0.6 of the radius scored far better than 0.9. Choose it with
an overlap loss (Tversky) and a picker that takes centres of mass. Radii of your own, in place of
the table's, change the balls of single objects without touching how these are scored.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.targets._boxes import box_around
from tomoscout.targets._channels import channels


class Settings(BaseSettings):
    """Settings of sphere targets."""

    radius: float = Field(default=0.5, gt=0)
    """Radius of the ball, as a fraction of the object's radius."""
    radii: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Radii of objects in ångström, for balls only, in place of those in the table of objects.
    Objects that the project does not have are passed over, so a recipe may name more than it."""


def encode(
    picks: Picks, *, objects: ObjectTable, geometry: Geometry, settings: Settings
) -> Float32[np.ndarray, "o z y x"]:
    """Mark the cells whose centre lies in a ball; where balls overlap the nearest centre wins.

    Each cell belongs to one object at most. A ball too small to reach a cell's centre still
    marks the cell that it lies in.

    Parameters
    ----------
    picks
        Centres in ångström from the geometry's corner; balls reach in from outside.
    objects
        Table whose order gives the channels, and its radii where the settings name none.
    geometry
        Lattice of the crop, at the stride of the target.
    settings
        Size of the balls.

    Raises
    ------
    UserError
        If a pick's object is not in the table.
    """
    owner = np.full(geometry.cells, -1, np.int64)
    nearest = np.full(geometry.cells, np.inf)
    full = [settings.radii.get(entry.name, entry.radius) for entry in objects.each()]
    radii = [settings.radius * radius for radius in full]
    own_cells = np.floor(geometry.to_cells(picks.zyx) + 0.5)
    own_distances = np.sum((geometry.to_angstrom(own_cells) - picks.zyx) ** 2, axis=1)
    for zyx, channel, own in zip(
        picks.zyx, channels(picks, objects).tolist(), own_distances.tolist(), strict=True
    ):
        reach = max(radii[channel] ** 2, own * (1 + 1e-9))
        box, (z, y, x) = box_around(zyx, reach=np.sqrt(reach), geometry=geometry)
        distance = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2
        won = (distance <= reach) & (distance < nearest[box])
        nearest[box][won] = distance[won]
        owner[box][won] = channel
    return (owner == np.arange(len(objects))[:, None, None, None]).astype(np.float32)
