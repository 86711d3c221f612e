"""Picks as the connected blobs of a score map above the threshold.

Each blob is one pick at its centre of mass, weighted by score; blobs of an unlikely volume are
dropped. Choose it for detectors trained on spheres, whose answers are broad and flat: the middle
of a blob is then a better centre than its highest cell. Particles that touch above the threshold
become one pick, and a lower threshold makes them touch sooner, so thresholds tuned on its scores
are only a guide; ``local_max`` has neither fault.

The labelling is cc3d's (Silversmith, 2021, doi:10.5281/zenodo.5719536) where it is installed,
else SciPy's; both give the same picks.
"""

from __future__ import annotations

import importlib

import numpy as np
from jaxtyping import Float, Integer
from pydantic import Field
from scipy import ndimage

from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings as _Settings
from tomoscout.pickers._checks import check, lowest_passing


class Settings(_Settings):
    """Which volumes a blob may have."""

    min_volume: float = Field(default=0.0, ge=0)
    """Least volume of a blob, as a fraction of the sphere with the object's radius."""
    max_volume: float = Field(default=8.0, gt=0)
    """Largest volume of a blob, as a fraction of the sphere with the object's radius."""


def find_picks(
    score: Float[np.ndarray, "z y x"],
    *,
    geometry: Geometry,
    radius: float,
    name: str,
    threshold: float,
    settings: Settings,
) -> Picks:
    """Find the blobs of an object's score map, best first; a blob scores as its highest cell.

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
        Lowest score of a blob's cells, above 0 and at most 1. Cells that touch by a corner
        belong together.
    settings
        Limits of the volume.

    Raises
    ------
    UserError
        If the threshold is out of range or the map holds values that are not numbers.
    """
    check(score, geometry, name=name, threshold=threshold)
    cells, blob = _blobs(score, threshold)
    if not len(cells):
        return Picks.empty(extent=geometry.extent)
    weight = score[tuple(cells.T)].astype(np.float64)
    size, mass = np.bincount(blob), np.bincount(blob, weight)
    centre = np.stack([np.bincount(blob, cells[:, a] * weight) / mass for a in range(3)], axis=1)
    height = np.zeros(len(size))
    np.maximum.at(height, blob, weight)

    fraction = size * geometry.cell_spacing**3 / (4 / 3 * np.pi * radius**3)
    fits = (fraction >= settings.min_volume) & (fraction <= settings.max_volume)
    zyx = geometry.to_angstrom(centre[fits])
    # The last cells of a strided map hang over the edge; a particle does not.
    zyx = np.minimum(zyx, (np.array(geometry.shape) - 1) * geometry.voxel_spacing)
    return Picks(zyx, name, height[fits], extent=geometry.extent).best_first()


def _blobs(
    score: Float[np.ndarray, "z y x"], threshold: float
) -> tuple[Integer[np.ndarray, "n 3"], Integer[np.ndarray, " n"]]:
    """Return the cells at or above the threshold and the blob, from 0, each belongs to."""
    labels = _label(score >= lowest_passing(threshold, score.dtype))
    cells = np.argwhere(labels)
    return cells, labels[tuple(cells.T)].astype(np.intp) - 1


def _label(mask: np.ndarray) -> Integer[np.ndarray, "z y x"]:
    """Label the 26-connected parts of a mask from 1."""
    try:
        cc3d = importlib.import_module("cc3d")  # LGPL, and so not for every environment
    except ImportError:
        return np.asarray(ndimage.label(mask, np.ones((3, 3, 3)))[0])
    return np.asarray(cc3d.connected_components(mask, connectivity=26))
