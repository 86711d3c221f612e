"""A Gaussian bump around each centre, 1 at its top.

A network that learns bumps can be picked below one voxel, and near misses cost little, which
suits annotations that are a few voxels off. Choose it with a heatmap loss.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.targets._boxes import box_around
from tomoscout.targets._channels import channels

_TRUNCATE = 3.0  # standard deviations; the bump is 0.011 there


class Settings(BaseSettings):
    """Settings of heatmap targets."""

    sigma: float = Field(default=1 / 3, gt=0)
    """Standard deviation of the bump, as a fraction of the object's radius."""
    sigma_angstrom: float | None = Field(default=None, gt=0)
    """Standard deviation in ångström, the same for all objects, instead of ``sigma``."""


def encode(
    picks: Picks, *, objects: ObjectTable, geometry: Geometry, settings: Settings
) -> Float32[np.ndarray, "o z y x"]:
    """Draw the bumps of each object into its channel; where they overlap the higher one counts.

    Parameters
    ----------
    picks
        Centres in ångström from the geometry's corner; bumps reach in from outside.
    objects
        Table whose order gives the channels, and its radii.
    geometry
        Lattice of the crop, at the stride of the target.
    settings
        Width of the bumps.

    Raises
    ------
    UserError
        If a pick's object is not in the table.
    """
    target = np.zeros((len(objects), *geometry.cells), np.float32)
    sigmas = [settings.sigma_angstrom or settings.sigma * o.radius for o in objects.each()]
    for zyx, channel in zip(picks.zyx, channels(picks, objects).tolist(), strict=True):
        sigma = sigmas[channel]
        box, offsets = box_around(zyx, reach=_TRUNCATE * sigma, geometry=geometry)
        z, y, x = (np.exp(-0.5 * (d / sigma) ** 2).astype(np.float32) for d in offsets)
        bump = z[:, None, None] * y[:, None] * x  # a Gaussian is the product of its axes
        bump[bump < np.exp(-0.5 * _TRUNCATE**2)] = 0.0
        view = target[channel][box]
        np.maximum(view, bump, out=view)
    return target
