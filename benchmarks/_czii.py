"""What benchmarks on simulated ``czii`` tomograms share: making them, and scoring."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.inference.detect import FLOOR
from tomoscout.io.project import Project, open_project
from tomoscout.metrics import czii
from tomoscout.training.settings import TrainingSettings
from tomoscout.tuning.thresholds import sweep


def run(*words: str) -> None:
    """Run one verb in a process of its own."""
    print("tomoscout", *words, flush=True)
    subprocess.run([sys.executable, "-m", "tomoscout.cli", *words, "--quiet"], check=True)


def simulate(folder: Path, *, count: int, seed: int, shape: Sequence[str]) -> Project:
    """Make tomograms of the preset, unless they are there."""
    run("simulate", str(folder), "--preset", "czii", "--runs", str(count), "--seed", str(seed),
        "--shape", *shape)  # fmt: skip
    return open_project(folder / "copick.json")


def richest(project: Project, names: Sequence[str]) -> str:
    """Return the run that has most particles of its rarest object, of several the first."""
    picks = {name: project[name].picks() for name in names}
    return max(names, key=lambda run: min(len(picks[run].of(name)) for name in CZII.names))


def spread_out(picks: Picks, count: int, rng: np.random.Generator) -> Picks:
    """Choose so many of each object, whole ones, each far from those chosen before."""
    chosen = []
    for entry in CZII.each():
        mine = picks.of(entry.name)
        inside = np.minimum(mine.zyx, np.array(picks.extent) - mine.zyx).min(axis=1)
        whole = mine[inside >= entry.radius]
        rows = [int(rng.integers(len(whole)))] if len(whole) else []
        while len(rows) < min(count, len(whole)):
            apart = np.linalg.norm(whole.zyx[:, None] - whole.zyx[rows], axis=2).min(axis=1)
            rows.append(int(apart.argmax()))
        chosen.append(whole[rows])
    return Picks.concatenate(chosen)


def thresholds(found: Sequence[Picks], truth: Sequence[Picks]) -> dict[str, float]:
    """Choose a threshold for each object, as a training does on its held-out runs."""
    sweeps = sweep(found, truth, objects=CZII, floor=FLOOR)
    spread = TrainingSettings().threshold_spread
    return {name: one.steady(spread).threshold for name, one in sweeps.items()}


def f4(found: Sequence[Picks], truth: Sequence[Picks]) -> dict[str, float]:
    """Score picks of several runs together: F4 of each object, and the weighted mean."""
    result = czii.score(found, truth, objects=CZII)
    return {**result.f_beta, "weighted": result.weighted}
