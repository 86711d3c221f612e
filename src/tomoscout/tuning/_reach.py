"""Which of very many candidates come near a few truths, and how good the best of them is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from tomoscout.ops.match import within

_FEW = 2000
"""So few candidates are matched at once; a grid would cost more than it saves."""
_CELLS = 1 << 22
"""Most cells of the grid, a megabyte each way of four: finer ones would not pay."""


def best_within(
    zyx: Float[np.ndarray, "n 3"],
    scores: Float[np.ndarray, " n"],
    truth: Float[np.ndarray, "m 3"],
    reach: float,
) -> Float[np.ndarray, " m"]:
    """Return the score of the best candidate within ``reach`` of each truth, -inf without one.

    Candidates far from every truth, nearly all of them, are told by a grid of cells as wide as
    the reach: that is twenty times as fast as asking a tree for each. Only the others are matched.
    """
    if len(zyx) > _FEW and len(truth):
        near = _in_marked_cells(zyx, truth, reach)
        zyx, scores = zyx[near], scores[near]
    pairs = within(zyx, truth, reach)
    best = np.full(len(truth), -np.inf)
    np.maximum.at(best, pairs.second, scores[pairs.first])
    return best


def _in_marked_cells(
    zyx: Float[np.ndarray, "n 3"], truth: Float[np.ndarray, "m 3"], reach: float
) -> Bool[np.ndarray, " n"]:
    """Tell which points lie in a cell that holds a truth, or beside one that does."""
    low = truth.min(axis=0)
    span = truth.max(axis=0) - low
    # A little wider than the reach: rounding must not move a point two cells away.
    cell = max(1.001 * reach, float(np.prod(span / _CELLS ** (1 / 3) + 1e-9) ** (1 / 3)))
    while np.prod(np.floor(span / cell) + 5) > 2 * _CELLS:
        cell *= 1.3
    # Two cells around: one that is marked beside the outermost truths, and one that never is,
    # into which all points farther out are put.
    shape = (np.floor(span / cell) + 5).astype(np.intp)
    inside = np.floor((truth - low) / cell).astype(np.intp) + 2
    marked = np.zeros(shape, bool)
    for step in np.ndindex(3, 3, 3):
        marked[tuple((inside + np.array(step) - 1).T)] = True
    place = np.zeros(len(zyx), np.intp)
    for axis, length in enumerate(shape):
        along = np.floor((zyx[:, axis] - low[axis]) / cell) + 2
        place = place * length + np.clip(along, 0, length - 1).astype(np.intp)
    return marked.reshape(-1)[place]
