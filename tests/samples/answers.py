"""Score maps as detectors give them, of particles at known places."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist


def distances(zyx, geometry):
    """Distance, in Å, of each cell to the nearest of some positions in Å."""
    axes = [np.arange(n) for n in geometry.cells]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    near = cdist(geometry.to_angstrom(cells), np.asarray(zyx, float)).min(axis=1)
    return near.reshape(geometry.cells)


def bumps(zyx, geometry, sigma, dtype=np.float32):
    """Gaussians of height 1 and width sigma (Å): what a detector of points answers."""
    return np.exp(-0.5 * (distances(zyx, geometry) / sigma) ** 2).astype(dtype)


def balls(zyx, geometry, radius, dtype=np.float16, *, soft=0.15):
    """Balls of a radius (Å), soft by a share of it at the rim: what a segmenter answers."""
    depth = (distances(zyx, geometry) - radius) / radius
    if not soft:
        return (depth <= 0).astype(dtype)
    return (1 / (1 + np.exp(np.clip(depth / soft, -50, 50)))).astype(dtype)


def farthest(found, planted):
    """Largest distance, in Å, of a planted position to its own pick; infinite if counts differ."""
    if len(found) != len(planted):
        return np.inf
    distance = cdist(planted, found)
    if len(set(distance.argmin(axis=1))) < len(planted):
        return np.inf
    return distance.min(axis=1).max()
