"""Measure how well a detector travels that was trained on our own simulation only.

    python benchmarks/travel.py PROJECT -o out/travel

Simulates tomograms, trains the recipe ``scout`` on them, takes thresholds from three simulated
runs of their own, picks every run of PROJECT (which nothing was fitted to) and scores the picks.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tomoscout.cli import main as tomoscout

RUNS, SHAPE, CROWDING, SEED = 26, ("184", "320", "320"), "2", "11"
HELD_OUT = "TS_sim_0,TS_sim_1,TS_sim_2"


def run(*arguments: str) -> None:
    """Run one verb and say how long it took."""
    started = time.perf_counter()
    print("tomoscout", *arguments, flush=True)
    if code := tomoscout(arguments):
        raise SystemExit(code)
    print(f"({time.perf_counter() - started:.0f} s)", flush=True)


def main() -> None:
    """Simulate, train, pick, score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    simulated, model = options.output / "simulated", options.output / "model"
    picks = options.output / "picks"
    settings = ("--crowding", CROWDING, "--seed", SEED)
    run("simulate", str(simulated), "--runs", str(RUNS), "--shape", *SHAPE, *settings)
    run("train", str(simulated / "copick.json"), "-o", str(model), "--validation", HELD_OUT)
    run("pick", options.project, "--model", str(model), "-o", str(picks))
    run("evaluate", str(picks), options.project)
    run("report", str(picks), options.project, "--training", str(model), "--overwrite")


if __name__ == "__main__":
    main()
