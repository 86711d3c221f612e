"""Part chains of discs that run through several particles on top of each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage, signal

_DIP = 0.05  # least depth of the valley between two particles, as a share of the highest disc


def part_stacks(
    group: Int[np.ndarray, " n"],
    z: Float[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"],
    *,
    longest: float,
    apart: float,
) -> Int[np.ndarray, " n"]:
    """Cut chains that are too long for one particle where their discs are weakest.

    Parameters
    ----------
    group
        Number of each disc's chain, from 0 without gaps.
    z
        Where the discs' slices lie, in ångström.
    weight
        How large, or how sure, each disc is: most at a particle's middle.
    longest
        Chains up to this long, in ångström, stay as they are.
    apart
        Least distance of two particles' middles, in ångström.

    Returns
    -------
    Int[np.ndarray, " n"]
        Numbers of the chains, from 0 without gaps.
    """
    if not len(group):
        return group
    used = int(group.max()) + 1
    low, high = np.full(used, np.inf), np.full(used, -np.inf)
    np.minimum.at(low, group, z)
    np.maximum.at(high, group, z)
    parted = group.copy()
    for chain in np.flatnonzero(high - low > longest).tolist():
        own = group == chain
        cuts = _valleys(z[own], weight[own], apart)
        side = np.searchsorted(cuts, z[own])
        parted[own] = np.where(side == 0, chain, used + side - 1)
        used += len(cuts)
    return parted


def _valleys(
    z: Float[np.ndarray, " n"], weight: Float[np.ndarray, " n"], apart: float
) -> Float[np.ndarray, " cuts"]:
    """Return the heights between the middles of neighbouring particles."""
    heights = np.unique(z)
    steps = np.diff(heights)
    step = float(steps[steps > 1e-3 * apart].min())
    at = np.rint((z - heights[0]) / step).astype(np.int64)
    profile = np.zeros(at.max() + 1)
    np.maximum.at(profile, at, weight)
    # A fifth of the distance between particles: bridges slices in which nothing was found.
    smooth = ndimage.gaussian_filter1d(profile, apart / step / 5, mode="constant")
    peaks, _ = signal.find_peaks(
        np.pad(smooth, 1), distance=max(1.0, apart / step), prominence=_DIP * smooth.max()
    )
    peaks = peaks - 1
    lowest = [a + int(np.argmin(smooth[a:b])) for a, b in pairwise(peaks.tolist())]
    return heights[0] + step * np.array(lowest, np.float64)
