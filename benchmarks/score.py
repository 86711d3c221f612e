"""Time scoring a challenge's worth of picks, against the official metric as it is written down.

    python benchmarks/score.py [--runs 500] [--picks 200]

500 runs of 6 objects with 200 picks each: 150 truths 5 Å off a pick, 50 false alarms. The peer
does what the published metric does: a comparison of all names per object, a k-d tree of picks and
one of truths per run and object, a ball query, the set of truths hit. Its second line is the same
on arrays that were sorted by object beforehand: the price of trees and queries alone. Scores must
agree.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree

from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.metrics import METRICS
from tomoscout.metrics._matched import Matched, match_runs

EXTENT = (1842.0, 6308.0, 6308.0)
SHARE = 0.75


def scene(runs: int, n: int, seed: int = 0) -> tuple[list[Picks], list[Picks]]:
    """Make picks and truth of every run, all objects mixed."""
    rng = np.random.default_rng(seed)
    names = np.repeat(CZII.names, n)
    picks, truth = [], []
    for number in range(runs):
        zyx = rng.random((len(names), 3)) * EXTENT
        order = rng.permutation(len(names))
        run = f"TS_{number}"
        picks.append(Picks(zyx[order], names[order], rng.random(len(names)), run=run))
        true = np.flatnonzero(np.arange(len(names)) % n < SHARE * n)
        near = zyx[true] + rng.normal(0, 5, (len(true), 3))
        truth.append(Picks(near, names[true], run=run, extent=EXTENT))
    return picks, truth


Groups = list[dict[str, tuple[np.ndarray, np.ndarray]]]


def grouped(picks: list[Picks], truth: list[Picks]) -> Groups:
    """Sort by object, one comparison of all names for each."""

    def rows(part: Picks, name: str) -> np.ndarray:
        return part.zyx[np.asarray(part.objects) == name]

    return [
        {name: (rows(p, name), rows(t, name)) for name in CZII.names}
        for p, t in zip(picks, truth, strict=True)
    ]


def official(groups: Groups) -> float:
    """Score as the published metric does, given (picks, truth) of each run and object."""
    total, weights = 0.0, 0.0
    for one in CZII.each():
        tp = fp = fn = 0
        for group in groups:
            found, known = group[one.name]
            if not len(found) or not len(known):
                fp, fn = fp + len(found), fn + len(known)
                continue
            reached = KDTree(found).query_ball_tree(KDTree(known), one.radius / 2)
            hits = len({j for row in reached for j in row})
            tp, fp, fn = tp + hits, fp + len(found) - hits, fn + len(known) - hits
        p = tp / (tp + fp) if tp + fp else 0.0
        r = tp / (tp + fn) if tp + fn else 0.0
        total += one.weight * (17 * p * r / (16 * p + r) if p + r else 0.0)
        weights += one.weight
    return total / weights


def seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--picks", type=int, default=200, help="per run and object")
    given = parser.parse_args()
    picks, truth = scene(given.runs, given.picks)
    groups = grouped(picks, truth)
    czii = METRICS["czii"]
    print(f"{given.runs} runs x {len(CZII)} objects x {given.picks} picks")
    theirs = seconds(lambda: official(grouped(picks, truth)))
    trees = seconds(lambda: official(groups))
    ours = seconds(lambda: czii.score(picks, truth).weighted)
    scores = czii.score(picks, truth).weighted, official(groups)
    assert abs(scores[0] - scores[1]) < 1e-12, scores
    print(f"  published metric (peer)   {theirs:7.3f} s   score {scores[1]:.6f}")
    print(f"    without sorting         {trees:7.3f} s")
    print(f"  czii                      {ours:7.3f} s   score {scores[0]:.6f}")
    print(f"  the peer takes {theirs / ours:.2f} times as long")
    print("the others")
    matched = match(picks, truth)
    rest: list[tuple[str, Callable[[], object]]] = [
        ("one_to_one", lambda: METRICS["one_to_one"].score(picks, truth).weighted),
        ("average_precision", lambda: METRICS["average_precision"].score(picks, truth).weighted),
        ("shrec", lambda: METRICS["shrec"].score(picks, truth, objects=CZII).f1),
        ("matching for the next three", lambda: match(picks, truth)),
        ("  localisation", lambda: METRICS["localisation"].measure(matched, objects=CZII)),
        ("  confusion", lambda: METRICS["confusion"].measure(matched, objects=CZII)),
        ("  depth_and_border", lambda: METRICS["depth_and_border"].measure(matched, objects=CZII)),
    ]
    for name, work in rest:
        print(f"  {name:28} {seconds(work):7.3f} s")


def match(picks: list[Picks], truth: list[Picks]) -> list[Matched]:
    """Match all runs."""
    return match_runs(picks, truth, objects=CZII, radius_fraction=0.5)


if __name__ == "__main__":
    main()
