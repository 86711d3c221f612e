"""Seconds for the exact sweep of thresholds, and against a grid scored with the metric.

``python benchmarks/sweep.py`` makes picks of the size of a challenge's cross-validation with a
very low floor: 7 runs, 6 objects, 100 000 candidates each. It sweeps every distinct threshold
of every object, and then scores a grid of 50 thresholds with the metric, as tuning is done in most
pipelines. Both work on the same picks in the same process.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.metrics import czii
from tomoscout.tuning.shared import shared_points
from tomoscout.tuning.thresholds import sweep

EXTENT = np.array([1842.0, 6308.0, 6308.0])
TRUTHS = 50


def scene(run: str, candidates: int, rng: np.random.Generator) -> tuple[Picks, Picks]:
    """Candidates all over a tomogram, most of them low, and a sure one beside each truth."""
    found, known = [], []
    for entry in CZII.each():
        truth = rng.random((TRUTHS, 3)) * EXTENT
        zyx = rng.random((candidates, 3)) * EXTENT
        scores = 0.9 * rng.random(candidates) ** 8
        zyx[:TRUTHS] = truth + rng.normal(0, entry.radius / 8, truth.shape)
        scores[:TRUTHS] = rng.random(TRUTHS) ** 0.3
        found.append(Picks(zyx, entry.name, scores, run=run))
        known.append(Picks(truth, entry.name, run=run))
    return Picks.concatenate(found), Picks.concatenate(known)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--candidates", type=int, default=100_000, help="per run and object")
    parser.add_argument("--grid", type=int, default=50)
    parser.add_argument("--tried", type=int, help="grid points timed; the others cost the same")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    pairs = [scene(f"run{i}", options.candidates, rng) for i in range(options.runs)]
    found, known = ([pair[side] for pair in pairs] for side in (0, 1))

    started, computing = time.perf_counter(), time.process_time()
    sweeps = sweep(found, known, objects=CZII)
    best = {name: s.best for name, s in sweeps.items()}
    exact, computing = time.perf_counter() - started, time.process_time() - computing
    distinct = sum(len(s.thresholds) for s in sweeps.values())
    print(f"{options.runs} runs x {len(CZII)} objects x {options.candidates} candidates")
    print(f"exact sweep, {distinct} thresholds, {exact:.2f} s ({computing:.2f} s of both cores)")
    started = time.perf_counter()
    common = shared_points(sweeps, {o.name: o.weight for o in CZII.each()})["ribosome"].threshold
    print(f"one threshold for all objects ({common:.3f}), {time.perf_counter() - started:.2f} s")

    thresholds = np.linspace(0.02, 1, options.grid)[: options.tried]
    started = time.perf_counter()
    results = []
    for threshold in thresholds:
        limits = dict.fromkeys(CZII.names, float(threshold))
        results.append(czii.score([p.above(limits) for p in found], known, objects=CZII).f_beta)
    grid = (time.perf_counter() - started) * options.grid / len(thresholds)
    print(f"grid of {options.grid} thresholds with the metric, {grid:.1f} s")
    print(f"ratio {grid / exact:.0f}")
    for name, point in best.items():
        of_grid = max(result[name] for result in results)
        print(f"{name:20s} F4 {point.f_beta:.4f} at {point.threshold:.4f}; grid {of_grid:.4f}")


if __name__ == "__main__":
    main()
