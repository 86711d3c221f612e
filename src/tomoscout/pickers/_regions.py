"""Picks of regions of cells: their middles, volumes and scores.

What ``components``, ``watershed`` and ``mean_shift`` share: they differ by which cells they hold
for one particle.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, model_validator

from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.ops.suppress import suppress
from tomoscout.pickers._cells import CellSettings, finer

S = TypeVar("S", bound="RegionSettings")
Kind = Literal["max", "mean", "percentile_90"]


class RegionSettings(CellSettings):
    """Which regions are particles, and what they score."""

    min_volume: float = Field(default=0.0, ge=0)
    """Least volume of a region, as a fraction of the sphere with the object's radius; what a
    tomogram's edge cuts off does not count."""
    max_volume: float = Field(default=8.0, gt=0)
    """Largest volume of a region, as a fraction of the sphere with the object's radius."""
    score: Kind = "max"
    """What a region scores: as its highest cell, as the mean of its cells, or as the cell that nine
    tenths of them do not exceed (neither one bright cell nor a dim rim counts much)."""
    distance: float = Field(default=1.2, ge=0)
    """Least distance of two picks of an object, as a fraction of its radius."""

    @model_validator(mode="after")
    def _volumes_in_order(self) -> RegionSettings:
        if self.max_volume < self.min_volume:
            raise ValueError(
                f"max_volume must not be below min_volume, found {self.max_volume:g} "
                f"and {self.min_volume:g}"
            )
        return self


def widened(settings: S, times: float) -> S:
    """Let through particles up to some times as large as the object."""
    return settings.model_copy(update={"max_volume": settings.max_volume * times**3})


def picks_of(
    cells: Int[np.ndarray, "n 3"],
    height: Float[np.ndarray, " n"],
    region: Int[np.ndarray, " n"],
    *,
    geometry: Geometry,
    radius: float,
    name: str,
    settings: RegionSettings,
    centre: Float[np.ndarray, "regions 3"] | None = None,
) -> Picks:
    """Turn regions into picks, best first.

    Parameters
    ----------
    cells
        Cells, of the map that was searched: blocks where `downsample` is above 1.
    height
        Their scores.
    region
        Which region each belongs to, from 0 without gaps.
    geometry
        Lattice of the score map, before `downsample`.
    radius, name
        The object's.
    settings
        Limits of the volume, score and least distance.
    centre
        Middles of the regions, in cells; the centres of mass, weighted by score, when not given.
    """
    size = np.bincount(region)
    if centre is None:
        mass = np.bincount(region, height)
        middles = [np.bincount(region, cells[:, a] * height) / mass for a in range(3)]
        centre = np.stack(middles, axis=1)
    volume = size * (geometry.cell_spacing * settings.downsample) ** 3
    fraction = volume / (4 / 3 * np.pi * radius**3)
    fits = (fraction >= settings.min_volume) & (fraction <= settings.max_volume)
    scores = _scores(height, region, settings.score)[fits]
    zyx = geometry.to_angstrom(finer(centre[fits], settings.downsample))
    # The last cells of a strided map hang over the edge; a particle does not.
    zyx = np.minimum(zyx, (np.array(geometry.shape) - 1) * geometry.voxel_spacing)
    kept = suppress(zyx, scores, settings.distance * radius)
    return Picks(zyx[kept], name, scores[kept], extent=geometry.extent)


def _scores(
    height: Float[np.ndarray, " n"], region: Int[np.ndarray, " n"], kind: Kind
) -> Float[np.ndarray, " regions"]:
    """Return what each region scores."""
    order = np.lexsort((height, region))
    ranked, size = height[order], np.bincount(region)
    last = np.cumsum(size) - 1
    first = last - size + 1
    if kind == "max":
        return ranked[last]
    if kind == "mean":
        # Rounding must not sink the mean of equal scores below them, and so below the threshold.
        return np.maximum(np.bincount(region, height) / size, ranked[first])
    place = first + 0.9 * (size - 1)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, last)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])
