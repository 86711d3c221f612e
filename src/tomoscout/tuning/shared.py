"""One threshold for all objects, where objects have too few particles for one each.

The weighted score at any threshold follows from the objects' own sweeps: it is the mean of their
F-beta by weight. Going down in threshold it can only rise where some object gains a hit, so the
best of all thresholds is found among as many as there are truths, exactly. A threshold per object
is never worse on the runs it was tuned on; choose a common one when an object has so few particles
there that a threshold of its own would be an accident (see ``Sweep.caution``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from tomoscout.tuning._curve import grid, midway, steadiest
from tomoscout.tuning._sweep import Best, Sweep

Score = Callable[[Float[np.ndarray, "*t"]], Float[np.ndarray, "*t"]]


def shared_points(
    sweeps: Mapping[str, Sweep], weights: Mapping[str, float], *, spread: float = 0.0
) -> dict[str, Best]:
    """Return each object's operating point at the one threshold that scores best for all.

    Of equally good thresholds it is the lowest. Objects of weight 0 get the threshold and have no
    say in it, unless all weights are 0: then objects count alike.

    Parameters
    ----------
    sweeps
        Of each object, from picks with the same floor.
    weights
        Weight of each object.
    spread
        By what factor scores elsewhere are expected to be off: see ``Sweep.steady``.
    """
    if not any(weights[name] for name in sweeps):
        weights = dict.fromkeys(sweeps, 1.0)
    scored = {name: s for name, s in sweeps.items() if s.is_tuned and weights[name]}
    if not scored:
        return {name: one.at(one.default) for name, one in sweeps.items()}

    def score(thresholds: Float[np.ndarray, "*t"]) -> Float[np.ndarray, "*t"]:
        total = np.zeros(thresholds.shape)
        for name, one in scored.items():
            total += weights[name] * one.curve.at(thresholds)
        return total

    threshold = _choose(scored, score, spread)
    return {name: one.at(threshold) for name, one in sweeps.items()}


def weighted(points: Mapping[str, Best], weights: Mapping[str, float]) -> float:
    """Return the mean of the objects' F-beta by weight; alike where all weights are 0."""
    if not any(weights[name] for name in points):
        weights = dict.fromkeys(points, 1.0)
    total = sum(weights[name] for name in points)
    return sum(weights[name] * point.f_beta for name, point in points.items()) / total


def _choose(scored: Mapping[str, Sweep], score: Score, spread: float) -> float:
    """Return the threshold with the highest score of all objects that have one."""
    one_picking = all(s.nested for s in scored.values())
    # Pickings at other thresholds than those tried are not known, where they are not nested.
    tried = [_gains(s) if one_picking else s.thresholds for s in scored.values()]
    falling = np.unique(np.concatenate(tried))[::-1]
    floor = max(s.floor for s in scored.values())
    if spread:
        lowest = floor or float(min(s.thresholds[-1] for s in scored.values()))
        candidates = grid(lowest, float(falling[0])) if one_picking else falling
        return steadiest(score, candidates, lowest=lowest, spread=spread)
    values = score(falling)
    accepted = float(falling[np.flatnonzero(values == values.max())[-1]])
    if not one_picking:
        return accepted
    # The next prediction of an object with hits would be a false alarm; others cost nothing.
    with_hits = [s for s in scored.values() if s.at(accepted).counts.tp]
    refused = [s.thresholds[s.thresholds < accepted][:1] for s in with_hits]
    return midway(accepted, float(max(np.concatenate([*refused, [floor]]))))


def _gains(sweep: Sweep) -> Float[np.ndarray, " g"]:
    """Return the thresholds at which an object gains a hit, falling."""
    return sweep.thresholds[np.diff(sweep.tp, prepend=0) > 0]
