"""Modes of weighted points by mean shift with a flat kernel.

A ball moves to the mean of the points it holds until it rests; where balls come to rest the points
are densest (Comaniciu and Meer, 2002, doi:10.1109/34.1000236). The rules are those of scikit-learn
with ``bin_seeding``: one ball starts in each occupied box as wide as the radius, and of resting
places nearer than the radius the one with most mass is kept. Points have weights here, all balls
move at once, and those that meet go on as one, so it takes a fraction of the time.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from tomoscout.ops.suppress import suppress

_STEPS = 300
_RESTS = 1e-3
"""A ball rests that moves by less, as a fraction of its radius."""
_MEETS = 0.05
"""Balls meet that lie in one box this wide, as a fraction of their radius."""
_TOGETHER = 256
"""Balls moved at a time: pairs of balls and points take 24 bytes each."""


def modes(
    points: Float[np.ndarray, "n 3"], weights: Float[np.ndarray, " n"], *, bandwidth: float
) -> tuple[Float[np.ndarray, "modes 3"], Float[np.ndarray, " modes"]]:
    """Find where points are densest.

    Parameters
    ----------
    points
        Positions, in any unit.
    weights
        What each counts, above 0.
    bandwidth
        Radius of the balls, in the unit of the points.

    Returns
    -------
    tuple
        `(modes, 3)` positions more than a bandwidth apart, and the mass within a bandwidth of
        each, heaviest first.

    Raises
    ------
    ValueError
        If the bandwidth is not above 0.
    """
    if not bandwidth > 0:
        raise ValueError(f"the bandwidth must be above 0, got {bandwidth}")
    if not len(points):
        return np.zeros((0, 3)), np.zeros(0)
    tree = cKDTree(points)
    balls = np.rint(points[_one_per_box(points, bandwidth)] / bandwidth) * bandwidth
    resting, masses = [], []
    for step in range(_STEPS):
        mean, mass = _balls(tree, weights, balls, bandwidth)
        rests = np.linalg.norm(mean - balls, axis=1) <= _RESTS * bandwidth
        rests |= step == _STEPS - 1
        resting.append(mean[rests])
        masses.append(mass[rests])
        balls = mean[~rests]
        if not len(balls):
            break
        balls = balls[_one_per_box(balls, _MEETS * bandwidth)]
    found, mass = np.concatenate(resting), np.concatenate(masses)
    kept = suppress(found, mass, bandwidth)
    return found[kept], mass[kept]


def _one_per_box(points: Float[np.ndarray, "n 3"], width: float) -> Int[np.ndarray, " boxes"]:
    """Choose one point from each occupied box of a grid, boxes being around multiples of width."""
    box = np.rint(points / width).astype(np.int64)
    box -= box.min(axis=0)
    _, y, x = box.max(axis=0) + 1
    return np.unique((box[:, 0] * y + box[:, 1]) * x + box[:, 2], return_index=True)[1]


def _balls(
    tree: cKDTree,
    weights: Float[np.ndarray, " n"],
    balls: Float[np.ndarray, "m 3"],
    bandwidth: float,
) -> tuple[Float[np.ndarray, "m 3"], Float[np.ndarray, " m"]]:
    """Return the weighted mean of the points in each ball, and their mass."""
    mean, mass = np.empty_like(balls), np.empty(len(balls))
    for start in range(0, len(balls), _TOGETHER):
        part = balls[start : start + _TOGETHER]
        pairs = cKDTree(part).sparse_distance_matrix(tree, bandwidth, output_type="ndarray")
        ball, point = pairs["i"], pairs["j"]
        weight = weights[point]
        total = np.bincount(ball, weight, minlength=len(part))
        for axis in range(3):
            moment = np.bincount(ball, weight * tree.data[point, axis], minlength=len(part))
            mean[start : start + len(part), axis] = moment / total
        mass[start : start + len(part)] = total
    return mean, mass
