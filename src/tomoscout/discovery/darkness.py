"""How dark a place is against what surrounds it: the one thing known of protein without labels.

The contrast is local: of a place beside a particle the surroundings are darker than the middle, and
thick ice, carbon and crowds are as dark in the middle as around it. The particle itself stands out.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from tomoscout.core.volume import Volume

_AT_ONCE = 1 << 25  # voxels worked on together, about


def darkness_at(
    volume: Volume, zyx: Float[np.ndarray, "n 3"], *, radius: float
) -> Float32[np.ndarray, " n"]:
    """Return how much darker places are than their surroundings.

    A cube with the volume of a ball of the radius is compared with the shell around it, up to twice
    its edge: sums over cubes cost the same at any size. Values are in robust standard deviations of
    all places around their median, so those of several tomograms may be joined.

    Parameters
    ----------
    volume
        Tomogram, protein dark, in memory or on disk; it is read once, slab by slab.
    zyx
        Places, in ångström; outside the tomogram they are moved to its edge.
    radius
        About that of the particles, in ångström.
    """
    spacing = volume.voxel_spacing
    last = np.array(volume.shape) - 1
    at = np.clip(np.rint(np.asarray(zyx) / spacing), 0, last).astype(np.intp)
    # A cube of edge 1.61 r holds what a ball of radius r does.
    half = max(int(0.806 * radius / spacing), 0)
    inner, outer = 2 * half + 1, 2 * (2 * half + 1) + 1
    halo, depth = outer // 2 + 1, volume.shape[0]
    step = max(_AT_ONCE // (volume.shape[1] * volume.shape[2]) - 2 * halo, halo)
    values = np.zeros(len(at), np.float32)
    for start in range(0, depth, step):
        here = (at[:, 0] >= start) & (at[:, 0] < start + step)
        if not here.any():
            continue
        low = max(start - halo, 0)
        block = volume.read(slice(low, min(start + step + halo, depth)))
        contrast = _contrast(block, inner, outer)
        z, y, x = at[here].T
        values[here] = contrast[z - low, y, x]
    return standardised(values)


def standardised(values: Float[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """Return values in robust standard deviations (from quartiles) around their median."""
    if not len(values):
        return np.zeros(0, np.float32)
    low, middle, high = np.percentile(values, (25, 50, 75))
    scale = (high - low) / 1.349 or float(np.std(values)) or 1.0
    return ((values - middle) / scale).astype(np.float32)


def _contrast(
    block: Float32[np.ndarray, "z y x"], inner: int, outer: int
) -> Float32[np.ndarray, "z y x"]:
    """Mean of the shell around each voxel's cube, less that of the cube."""
    cube: Float32[np.ndarray, "z y x"] = ndimage.uniform_filter(block, inner, mode="mirror")
    whole: Float32[np.ndarray, "z y x"] = ndimage.uniform_filter(block, outer, mode="mirror")
    share = inner**3 / outer**3
    return (whole - cube) / np.float32(1 - share)  # shell = (whole - share * cube) / (1 - share)
