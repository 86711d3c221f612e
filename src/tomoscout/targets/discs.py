"""Discs: in each slice that cuts a particle, a bump whose top tells how large the cut is.

A sphere of radius R whose centre lies dz from a slice is cut in a disc of radius
sqrt(R² - dz²). The target's value at the cell nearest the particle's axis is that, as a share of R:
1 in the slice through the centre, less in those above and below. Around it a Gaussian of the
distance to the axis falls off, scaled so that its highest cell has that very value: the value is
the disc's size, the fall-off on both sides tells the axis below one cell. Choose it for detectors
that work in slices (loss ``slice_detection``).

Mixing two patches mixes the values: a particle blended in at 30 % counts as a disc of 30 % of its
size, just as it has 30 % of its contrast.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32
from pydantic import Field

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.targets._boxes import box_around
from tomoscout.targets._channels import channels

_TRUNCATE = 3.0  # standard deviations; the bump is 0.011 of its top there


class Settings(BaseSettings):
    """Settings of disc targets."""

    reach: float = Field(default=0.8, gt=0, lt=1)
    """How far from the centre slices are marked, as a fraction of the radius: the caps beyond look
    like background. 0.8 ends at discs of 0.6 of the radius."""
    sigma: float = Field(default=0.25, gt=0)
    """Standard deviation of the bump around the axis, as a fraction of the radius."""


def encode(
    picks: Picks, *, objects: ObjectTable, geometry: Geometry, settings: Settings
) -> Float32[np.ndarray, "o z y x"]:
    """Draw the discs of each object into its channel; where they overlap the higher one counts.

    The slice nearest a centre is marked, however small the particle.

    Parameters
    ----------
    picks
        Centres in ångström from the geometry's corner; discs reach in from outside.
    objects
        Table whose order gives the channels, and its radii.
    geometry
        Lattice of the crop, at the stride of the target.
    settings
        Extent of the marks.

    Raises
    ------
    UserError
        If a pick's object is not in the table.
    """
    target = np.zeros((len(objects), *geometry.cells), np.float32)
    radii = [entry.radius for entry in objects.each()]
    cells = geometry.to_cells(picks.zyx)
    nearest = np.abs(np.floor(cells + 0.5) - cells) * geometry.cell_spacing
    for zyx, channel, (near_z, *near_yx) in zip(
        picks.zyx, channels(picks, objects).tolist(), nearest.tolist(), strict=True
    ):
        radius = radii[channel]
        sigma = settings.sigma * radius
        high = max(settings.reach * radius, near_z * (1 + 1e-9))
        wide = max(_TRUNCATE * sigma, *(near * (1 + 1e-9) for near in near_yx))
        box, (z, y, x) = box_around(zyx, reach=max(high, wide), geometry=geometry)
        size = np.sqrt(np.clip(1 - (z / radius) ** 2, 1 - settings.reach**2, 1))
        size[np.abs(z) > high] = 0.0
        # A Gaussian is the product of its axes, and so is its value at the nearest cell.
        bump = _bump(y, wide, sigma, near_yx[0])[:, None] * _bump(x, wide, sigma, near_yx[1])
        view = target[channel][box]
        np.maximum(view, (size[:, None, None] * bump).astype(np.float32), out=view)
    return target


def _bump(
    offset: Float[np.ndarray, " n"], wide: float, sigma: float, nearest: float
) -> Float[np.ndarray, " n"]:
    """Return a Gaussian along one axis, 1 at the ``nearest`` distance and 0 beyond ``wide``."""
    value = np.exp(-0.5 * (offset**2 - nearest**2) / sigma**2)
    value[np.abs(offset) > wide] = 0.0
    return np.minimum(value, 1.0)
