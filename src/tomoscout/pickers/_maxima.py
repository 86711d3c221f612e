"""The local maxima of a map, looked for only where it reaches a threshold."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from tomoscout.pickers._checks import lowest_passing

_SLAB = 16
"""Planes looked at together."""


def maxima(score: Float[np.ndarray, "z y x"], threshold: float) -> Int[np.ndarray, "n 3"]:
    """Cells at or above the threshold that none of their 26 neighbours exceeds."""
    # Positive floats sort like the integers of the same bits, and integers compare five times as
    # fast as half floats. Negative scores turn into negative integers: never at the threshold.
    whole = np.dtype(f"i{score.dtype.itemsize}")
    bits = int(lowest_passing(threshold, score.dtype).view(whole))
    depth, *plane = score.shape
    slab = np.empty((_SLAB + 2, plane[0] + 2, plane[1] + 2), whole)
    flat = slab.reshape(-1)
    row, area = slab.shape[2], slab.shape[1] * slab.shape[2]
    steps = [
        dz * area + dy * row + dx
        for dz in (0, -1, 1) for dy in (0, -1, 1) for dx in (0, -1, 1)
    ][1:]  # fmt: skip
    found = [np.zeros((0, 3), np.intp)]
    for start in range(0, depth, _SLAB):
        stop = min(start + _SLAB, depth)
        low, high = max(start - 1, 0), min(stop + 1, depth)
        slab.fill(np.iinfo(whole).min)  # what lies outside the map is lower than all in it
        region = np.ascontiguousarray(score[low:high]).view(whole)
        slab[low - start + 1 : high - start + 1, 1:-1, 1:-1] = region
        here = area + np.flatnonzero(flat[area : (stop - start + 1) * area] >= bits)
        height = flat[here]
        for step in steps:
            top = flat[here + step] <= height
            here, height = here[top], height[top]
        cells = np.stack(np.unravel_index(here, slab.shape), axis=1)
        found.append(cells + np.array([start - 1, -1, -1]))
    return np.concatenate(found)
