"""How far a score may be off by the luck of which tomograms there were.

Runs are drawn anew, with replacement, as many as there are; the scores of a thousand such draws
show how much they depend on the runs that happen to be annotated. Particles of one tomogram share
its thickness, focus and crowd, so runs are drawn and not particles; a single run leaves nothing
else to draw, and its interval says nothing about other tomograms. (Efron, 1979,
doi:10.1214/aos/1176344552; percentile intervals.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from tomoscout.metrics import Result

TOTAL = "weighted"


@dataclass(frozen=True)
class Bootstrap:
    """Intervals of scores.

    Attributes
    ----------
    intervals
        Lower and upper bound of each object's F-beta, and of the ``weighted`` score. Objects
        without truth are left out.
    over
        What was drawn anew: ``runs``, or the ``particles`` of a single run.
    """

    intervals: dict[str, tuple[float, float]]
    over: Literal["runs", "particles"]


def bootstrap(
    result: Result, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Bootstrap:
    """Return intervals of a result's scores.

    Parameters
    ----------
    result
        Counts by run, at fixed thresholds. Thresholds that were tuned on the very runs make the
        score look better than it is, and no interval tells by how much.
    samples
        How often runs are drawn.
    level
        Share of the draws that the interval holds.
    seed
        Of the draws.
    """
    if not result.runs:
        return Bootstrap({}, "runs")
    rng = np.random.default_rng(seed)
    names = result.objects.names
    counts = np.array(
        [[(c.tp, c.fp, c.fn) for c in (run[n] for n in names)] for run in result.runs.values()],
        np.int64,
    )
    drawn = _runs(counts, samples, rng) if len(counts) != 1 else _particles(counts[0], samples, rng)
    f_beta = _f_beta(drawn, result.beta)
    tails = [(1 - level) / 2, (1 + level) / 2]
    present = [n for n in names if n not in result.absent]
    intervals = {}
    for name in present:
        low, high = np.nanquantile(f_beta[:, names.index(name)], tails)
        intervals[name] = (float(low), float(high))
    if present:
        low, high = np.quantile(_weighted(f_beta, result), tails)
        intervals[TOTAL] = (float(low), float(high))
    return Bootstrap(intervals, "particles" if len(counts) == 1 else "runs")


def _runs(
    counts: Int[np.ndarray, "r o 3"], samples: int, rng: np.random.Generator
) -> Int[np.ndarray, "s o 3"]:
    """Draw runs, and pool their counts."""
    n = len(counts)
    times = rng.multinomial(n, np.full(n, 1 / n), size=samples)
    return np.einsum("sr,roc->soc", times, counts)


def _particles(
    counts: Int[np.ndarray, "o 3"], samples: int, rng: np.random.Generator
) -> Int[np.ndarray, "s o 3"]:
    """Draw hits, false alarms and misses of one run."""
    # One prediction may hit two truths under the CZII rules, which leaves -1 false alarm.
    counts = np.maximum(counts, 0)
    total = counts.sum(axis=1)
    shares = counts / np.maximum(total, 1)[:, None]
    shares[total == 0, 0] = 1.0
    return rng.multinomial(total, shares, size=(samples, len(counts)))


def _f_beta(counts: Int[np.ndarray, "s o 3"], beta: float) -> Float[np.ndarray, "s o"]:
    """Return F-beta of counts; NaN where the draw holds no truth of the object."""
    tp, fp, fn = np.moveaxis(counts.astype(float), -1, 0)
    square = beta**2
    below = (1 + square) * tp + square * fn + fp
    f_beta = (1 + square) * tp / np.where(below > 0, below, 1.0)
    return np.where(tp + fn > 0, f_beta, np.nan)


def _weighted(f_beta: Float[np.ndarray, "s o"], result: Result) -> Float[np.ndarray, " s"]:
    """Return the mean by weight of each draw.

    An object that no run has keeps its weight and scores 0, as in the metric; one that only the
    draw lacks is left out of that draw.
    """
    weights = np.array([entry.weight for entry in result.objects.each()], float)
    weights = weights if weights.any() else np.ones(len(weights))
    absent = np.array([name in result.absent for name in result.objects.names])
    scores = np.where(absent, 0.0, f_beta)
    counted = np.where(np.isnan(scores), 0.0, weights)
    total = np.maximum(counted.sum(axis=1), 1e-12)
    return (counted * np.nan_to_num(scores)).sum(axis=1) / total
