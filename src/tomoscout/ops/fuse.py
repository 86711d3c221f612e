"""Points that several methods found, fused: one point for each particle, with one score.

Picks of a network, of a slice detector and of template matching are in the same places where they
are right and in different ones where they are wrong, so a particle found by several is surer than
one found by one. Boxes are fused this way in images (Solovyev, Wang and Gabruseva, 2021,
doi:10.1016/j.imavis.2021.104117); here a point takes one partner from each other method, because
two near points of one method are two particles.

The best point that is left takes the nearest open point of each other method within reach, and so
on down to the worst. All that cannot depend on one another is settled at once: a round takes the
points that have no better open neighbour and whose partners have none either, which gives exactly
what one after the other gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from tomoscout.core.errors import UserError

Missing = Literal["zero", "ignore"]
"""A method that did not find a particle says 0, or has no say."""

Combine = Literal["mean", "max"]
"""The score of fused points: their mean by shares, or the best of them."""


@dataclass(frozen=True, eq=False)
class Points:
    """What one method found of one object in one run.

    Attributes
    ----------
    zyx
        `(n, 3)` centres, in any unit.
    scores
        `(n,)`, from 0 on, on a scale that all methods share (see ``same_scale``).
    """

    zyx: Float[np.ndarray, "n 3"]
    scores: Float[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Fused:
    """Fused points, best first.

    Attributes
    ----------
    zyx
        `(m, 3)` means of the points, by share and score.
    scores
        `(m,)`.
    seeds
        `(m,)` index, in all methods' points one after the other, of the one that began each.
    """

    zyx: Float[np.ndarray, "m 3"]
    scores: Float[np.ndarray, " m"]
    seeds: Int[np.ndarray, " m"]


def fuse(
    methods: Sequence[Points],
    *,
    reach: float,
    shares: Sequence[float],
    missing: Missing = "zero",
    combine: Combine = "mean",
) -> Fused:
    """Fuse the points of several methods; with equal shares their order does not matter.

    Parameters
    ----------
    methods
        What each found.
    reach
        Points of two methods this far apart, or nearer, can be the same particle.
    shares
        How much each method counts, above 0; only their ratios matter.
    missing
        What a method says of particles that it did not find.
    combine
        How scores become one.

    Raises
    ------
    UserError
        If a share is not above 0, or there is not one per method.
    """
    weights = check_shares(shares, len(methods))
    zyx = np.concatenate([part.zyx for part in methods])
    scores = np.concatenate([part.scores for part in methods])
    method = np.repeat(np.arange(len(methods)), [len(part.zyx) for part in methods])
    counted = scores * weights[method]
    # Of equal scores the one at the lower place comes first, so that no input's order matters.
    order = np.lexsort((*zyx.T[::-1], -counted))
    owner = _clusters(zyx[order], method[order], reach)
    seeds, cluster = np.unique(owner, return_inverse=True)
    zyx, scores, counted, method = zyx[order], scores[order], counted[order], method[order]
    there = np.bincount(cluster, weights[method])
    if combine == "max":
        fused = np.zeros(len(seeds))
        np.maximum.at(fused, cluster, scores)
    else:
        total = there if missing == "ignore" else weights.sum()
        fused = np.bincount(cluster, counted) / total
    pull = np.where((np.bincount(cluster, counted) > 0)[cluster], counted, weights[method])
    middle = [np.bincount(cluster, pull * axis) / np.bincount(cluster, pull) for axis in zyx.T]
    centre = np.stack(middle, axis=1)
    best = np.lexsort((*centre.T[::-1], -fused))
    return Fused(centre[best], fused[best], order[seeds[best]])


def check_shares(shares: Sequence[float], count: int) -> Float[np.ndarray, " n"]:
    """Return shares that sum to one.

    Raises
    ------
    UserError
        If a share is not above 0, or there is not one for each of ``count`` methods.
    """
    if len(shares) != count:
        raise UserError(f"shares: found {len(shares)} for {count} inputs: give one per input")
    weights = np.asarray(shares, np.float64)
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        found = ", ".join(f"{share:g}" for share in shares)
        raise UserError(
            f"shares: found {found}: each must be above 0; leave out what counts nothing"
        )
    return weights / weights.sum()


def _clusters(
    zyx: Float[np.ndarray, "n 3"], method: Int[np.ndarray, " n"], reach: float
) -> Int[np.ndarray, " n"]:
    """Return for each point, sorted best first, the one that took it; seeds take themselves."""
    count = len(zyx)
    owner = np.arange(count)
    if not count:
        return owner
    pairs = cKDTree(zyx).query_pairs(reach, output_type="ndarray")
    pairs = pairs[method[pairs[:, 0]] != method[pairs[:, 1]]]
    a, b = np.concatenate([pairs, pairs[:, ::-1]]).T
    order = np.lexsort((b, np.linalg.norm(zyx[a] - zyx[b], axis=1), method[b], a))
    a, b = a[order], b[order]
    open_ = np.ones(count, bool)
    while len(a):
        rival = np.full(count, count)  # the best open neighbour of each point
        np.minimum.at(rival, b, a)
        top = open_ & (np.arange(count) < rival)
        asks = top[a] & _first_of_each(a, method[b])
        # A partner with a better neighbour than who asks waits for that neighbour's choice.
        top[a[asks & (rival[b] != a)]] = False
        taken = asks & top[a]
        owner[b[taken]] = a[taken]
        open_[top] = False
        open_[b[taken]] = False
        left = open_[a] & open_[b]
        a, b = a[left], b[left]
    return owner


def _first_of_each(a: Int[np.ndarray, " p"], kind: Int[np.ndarray, " p"]) -> Bool[np.ndarray, " p"]:
    """Tell which pairs, sorted by point, method and distance, are the first of point and method."""
    first = np.ones(len(a), bool)
    first[1:] = (a[1:] != a[:-1]) | (kind[1:] != kind[:-1])
    return first
