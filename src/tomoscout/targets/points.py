"""One cell per particle: the cell that its centre lies in.

The smallest target there is, and the one that won the CZII challenge: it says nothing about a
particle's size and so never merges neighbours. At a stride it equals single voxels that were
max-pooled. Positive cells are rare (one in ten thousand): the loss must weigh them up.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.targets._channels import channels


class Settings(BaseSettings):
    """Points have nothing to set."""


def encode(
    picks: Picks, *, objects: ObjectTable, geometry: Geometry, settings: Settings
) -> Float32[np.ndarray, "o z y x"]:
    """Mark the cell of each centre with 1; two objects may share a cell.

    Parameters
    ----------
    picks
        Centres in ångström from the geometry's corner; those outside are left out.
    objects
        Table whose order gives the channels.
    geometry
        Lattice of the crop, at the stride of the target.
    settings
        Nothing to set.

    Raises
    ------
    UserError
        If a pick's object is not in the table.
    """
    target = np.zeros((len(objects), *geometry.cells), np.float32)
    inside = geometry.contains(picks.zyx)
    z, y, x = np.floor(geometry.to_cells(picks.zyx[inside]) + 0.5).astype(np.int64).T
    target[channels(picks, objects)[inside], z, y, x] = 1.0
    return target
