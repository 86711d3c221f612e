"""Picks as the connected blobs of a score map above the threshold.

Each blob is one pick at its centre of mass, weighted by score; blobs of an unlikely volume are
dropped. Choose it for detectors trained on spheres, whose answers are broad and flat: the middle
of a blob is then a better centre than its highest cell. Particles that touch above the threshold
are one blob, which is parted at its necks: seeds are the innermost cells, some radii apart, and
basins are flooded from them (``watershed`` does the same and can part by score). A lower threshold
makes particles touch sooner and moves their middles, unless ``cells`` says once and for all which
cells are looked at.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from pydantic import Field

from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.pickers import _cells, _regions
from tomoscout.pickers._basins import part
from tomoscout.pickers._checks import check
from tomoscout.pickers._regions import RegionSettings, picks_of
from tomoscout.pickers._touching import touching

halo, is_nested, peaks = _cells.halo, _cells.is_nested, _cells.peaks
widened = _regions.widened


class Settings(RegionSettings):
    """Which blobs are particles, what they score, and whether touching ones are parted."""

    split: bool = True
    """Whether blobs are parted at their necks."""
    apart: float = Field(default=1.2, gt=0)
    """Least distance of the innermost cells of two parts, as a fraction of the radius."""


def find_picks(
    score: Float[np.ndarray, "z y x"],
    *,
    geometry: Geometry,
    radius: float,
    name: str,
    threshold: float,
    settings: Settings,
) -> Picks:
    """Find the blobs of an object's score map, best first.

    Parameters
    ----------
    score
        Probability that each cell belongs to a particle.
    geometry
        Where the cells lie.
    radius
        The object's radius, in ångström.
    name
        The object's name.
    threshold
        Lowest score of a blob, and of its cells unless the settings name one; above 0 and at most
        1. Cells that touch by a corner belong together.
    settings
        Limits of the volume, score and parting.

    Raises
    ------
    UserError
        If the threshold is out of range or the map holds values that are not numbers.
    """
    check(score, geometry, name=name, threshold=threshold)
    spacing, whole = geometry.cell_spacing, slice(0, score.shape[0])
    found = peaks(score, planes=whole, spacing=spacing, threshold=threshold, settings=settings)
    picks = settle(found, geometry=geometry, radius=radius, name=name, settings=settings)
    return picks[picks.score_array >= threshold]


def settle(
    found: _cells.Cells, *, geometry: Geometry, radius: float, name: str, settings: Settings
) -> Picks:
    """Turn all cells of a map that belong to particles into picks.

    Parameters
    ----------
    found
        Cells of the whole map, however many parts it was looked at in.
    geometry, radius, name, settings
        See `find_picks`.
    """
    if not len(found.cells):
        return Picks.empty(extent=geometry.extent)
    cells = found.cells // settings.downsample
    blob = touching(cells)
    if settings.split:
        apart = settings.apart * radius / (geometry.cell_spacing * settings.downsample)
        blob = part(cells, found.height, blob, apart=apart, relief="distance")
    return picks_of(
        cells, found.height, blob,
        geometry=geometry, radius=radius, name=name, settings=settings,
    )  # fmt: skip
