"""Match two sets of points that should mark the same things: by reach, or strictly in pairs.

``within`` lists every pair in reach, as the CZII metric counts them: one prediction may hit two
truths, and two predictions the same one; ``within_each`` does where reaches differ. ``one_to_one``
gives each point one partner at most: as many pairs as possible, and of all ways to have so many,
the one with the least distance (Kuhn's assignment problem, 1955). It is solved on the sparse graph
of pairs in reach, so 20 000 picks against 10 000 crowded truths take under a second. ``by_rank`` is
the greedy pairing behind average precision: the surest pick chooses first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a point of one set and a point of another.

    Attributes
    ----------
    first, second
        `(p,)` index into each set.
    distance
        `(p,)` distance between the two, in the unit of the points.
    """

    first: Int[np.ndarray, " p"]
    second: Int[np.ndarray, " p"]
    distance: Float[np.ndarray, " p"]

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, chosen: np.ndarray) -> Pairs:
        """Return the pairs of a mask or an index array."""
        return Pairs(self.first[chosen], self.second[chosen], self.distance[chosen])


def within(
    first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "m 3"], radius: float
) -> Pairs:
    """List all pairs at most ``radius`` apart, the bound included."""
    if not len(first) or not len(second):
        return Pairs(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))
    near = cKDTree(first).sparse_distance_matrix(cKDTree(second), radius, output_type="ndarray")
    return Pairs(near["i"].astype(np.intp), near["j"].astype(np.intp), near["v"])


def within_each(
    first: Float[np.ndarray, "n 3"],
    second: Float[np.ndarray, "m 3"],
    reach: Float[np.ndarray, " m"],
) -> Pairs:
    """List all pairs in the reach of the second, which each has its own, the bound included."""
    parts = [Pairs(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))]
    for radius in np.unique(reach):
        rows = np.flatnonzero(reach == radius)
        near = within(first, second[rows], float(radius))
        parts.append(Pairs(near.first, rows[near.second], near.distance))
    sides = zip(*((part.first, part.second, part.distance) for part in parts), strict=True)
    return Pairs(*map(np.concatenate, sides))


def one_to_one(
    first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "m 3"], radius: float
) -> Pairs:
    """Pair points at most ``radius`` apart, none twice: most pairs, then least distance."""
    return assign(within(first, second, radius))


def assign(near: Pairs) -> Pairs:
    """Choose from distinct pairs so that no point is in two: most pairs, then least distance.

    Choose it where the reach differs from point to point, so that no one radius lists the pairs.
    """
    if _is_assignment(near):
        return near
    rows, row = np.unique(near.first, return_inverse=True)
    columns, column = np.unique(near.second, return_inverse=True)
    # Every row may also stay alone, with a partner of its own that costs more than all distances
    # together: a full matching then exists, and the cheapest has the most real pairs. The added
    # unit keeps a distance of 0 from reading as "no edge", and cancels in the comparison.
    unit = max(float(near.distance.max()), 1.0)
    cost = np.concatenate([near.distance + unit, np.full(len(rows), 4 * unit * (len(rows) + 1))])
    alone = np.arange(len(rows))
    graph = csr_array(
        (
            cost,
            (np.concatenate([row, alone]), np.concatenate([column, len(columns) + alone])),
        ),
        shape=(len(rows), len(columns) + len(rows)),
    )
    i, j = min_weight_full_bipartite_matching(graph)
    paired = j < len(columns)
    place, order = row * len(columns) + column, np.lexsort((column, row))
    wanted = i[paired] * len(columns) + j[paired]
    return near[order[np.searchsorted(place[order], wanted)]]


def by_rank(
    first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "m 3"], radius: float
) -> Pairs:
    """Let each point of ``first``, in their order, take the nearest that is still free.

    Choose it for points that are sorted by score: what a point gets does not depend on those
    after it, so one pass serves every threshold.
    """
    near = within(first, second, radius)
    near = near[np.lexsort((near.second, near.distance, near.first))]
    if _is_assignment(near):
        return near
    chosen, taken, served = [], set(), -1
    for place, (i, j) in enumerate(zip(near.first.tolist(), near.second.tolist(), strict=True)):
        if i != served and j not in taken:
            chosen.append(place)
            taken.add(j)
            served = i
    return near[np.array(chosen, np.intp)]


def _is_assignment(near: Pairs) -> bool:
    """Tell whether no point is in two pairs: the common case, in which nothing is to choose."""
    return all(len(np.unique(side)) == len(side) for side in (near.first, near.second))
