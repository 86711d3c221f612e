"""Picks as the modes of the cells above the threshold, weighted by score (mean shift).

A ball moves to the centre of mass of the cells it holds until it rests: that is a pick. Each cell
then belongs to its nearest pick, and what the cells of a pick are, many or few, high or low, gives
its volume and score. Choose it for ragged answers, in which one particle leaves several blobs or a
blob has no clear top: connectivity does not matter to it. The ball should be about as large as what
the detector leaves of a particle; inside one that is larger and flat it rests anywhere. ETFinder
uses scikit-learn's mean shift; this one gives the same modes where all scores are equal, and takes
a fraction of the time.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from pydantic import Field
from scipy.spatial import cKDTree

from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.ops.mean_shift import modes
from tomoscout.pickers import _cells
from tomoscout.pickers._checks import check
from tomoscout.pickers._regions import RegionSettings, picks_of

halo, is_nested, peaks = _cells.halo, _cells.is_nested, _cells.peaks


class Settings(RegionSettings):
    """How large the ball is, and which modes are particles."""

    bandwidth: float = Field(default=0.7, gt=0)
    """Radius of the ball, as a fraction of the object's radius; one cell at least. A ball that
    holds half of two neighbours rests between them: 0.8 is half the distance of close ones."""


def find_picks(
    score: Float[np.ndarray, "z y x"],
    *,
    geometry: Geometry,
    radius: float,
    name: str,
    threshold: float,
    settings: Settings,
) -> Picks:
    """Find the modes of an object's score map, best first.

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
        Lowest score of a pick, and of the cells that count unless the settings name one; above 0
        and at most 1.
    settings
        Bandwidth, limits of the volume and score.

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
    spacing = geometry.cell_spacing * settings.downsample
    where = cells.astype(np.float64)
    bandwidth = max(settings.bandwidth * radius / spacing, 1.0)
    centre, _ = modes(where, found.height, bandwidth=bandwidth)
    # A mode that is nobody's nearest has no cells, and is no pick.
    owner, region = np.unique(cKDTree(centre).query(where)[1], return_inverse=True)
    return picks_of(
        cells, found.height, region.astype(np.intp), centre=centre[owner],
        geometry=geometry, radius=radius, name=name, settings=settings,
    )  # fmt: skip
