"""What benchmarks on simulated ``shrec`` tomograms share: making them, and scoring crops.

A grid of crops has one value each, and is scored by the protocol of docs/discovery.md.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from tomoscout.candidates import dog
from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC21
from tomoscout.core.volume import Volume
from tomoscout.discovery.darkness import darkness_at
from tomoscout.discovery.scores import name_of
from tomoscout.inference.detect import pick, predict
from tomoscout.inference.weights import Detector
from tomoscout.io.project import Run, open_project
from tomoscout.metrics import any_object, presence
from tomoscout.ops.grids import Grid

STRIDE = 16  # voxels of 10 Å from crop to crop: the published encoder takes 9 GFLOP for each
MIDDLE = 9  # voxels; of a crop, where a blob counts
RADIUS = 100.0  # Å, of the particles, about
BORDER = 0.2  # of the radius, on either side
BLOBS = dog.Settings().diameters  # Å


def simulate(output: Path, seed: int, shape: list[str]) -> list[Run]:
    """Make the four tomograms of a seed."""
    folder = output / f"seed{seed}" / "tomograms"
    words = ["simulate", str(folder), "--preset", "shrec", "--runs", "4", "--seed", str(seed)]
    subprocess.run(
        [sys.executable, "-m", "tomoscout.cli", *words, "--shape", *shape, "--quiet"], check=True
    )
    return list(open_project(folder).runs)


def centres_of(volume: Volume) -> Any:
    """Return the centres of a tomogram's grid, in ångström."""
    return Grid.at_stride(volume.shape, STRIDE).centres_angstrom(volume.voxel_spacing)


def darkness_of(run: Run) -> tuple[Any, Any]:
    """Return centres and darkness of a run's grid."""
    volume = run.tomogram().load()
    return centres_of(volume), darkness_at(volume, centres_of(volume), radius=RADIUS)


def score(crops: Iterable[Picks], runs: Iterable[Run]) -> presence.Presence:
    """Score crops under the protocol."""
    truth = [run.picks() for run in runs]
    return presence.score(list(crops), truth, objects=SHREC21)


def blobs_of(run: Run) -> tuple[Any, Any]:
    """Return centres of a run's grid, and how much the best blob in each cell stands out."""
    volume = run.tomogram().load()
    voxels = volume.read()
    best = np.full(volume.shape, -np.inf, np.float32)
    for diameter in BLOBS:
        sigma = diameter / (2 * np.sqrt(3)) / volume.voxel_spacing
        narrow, wide = (ndimage.gaussian_filter(voxels, sigma * f) for f in (0.79, 1.26))
        best = np.maximum(best, (wide - narrow) / np.std(wide - narrow))
    best = ndimage.maximum_filter(best, MIDDLE)
    at = np.rint(centres_of(volume) / volume.voxel_spacing).astype(int)
    at = np.minimum(at, np.array(volume.shape) - 1)
    return centres_of(volume), best[tuple(at.T)]


def by_values(
    values: Callable[[Run], tuple[Any, Any]], chooser: Run, test: Run
) -> presence.Presence:
    """Score crops by a value of each; the threshold comes from the run that chooses."""
    made = []
    for run in (chooser, test):
        centres, found = values(run)
        crops = Picks(centres, name_of(0), found.astype(np.float64), run=run.name)
        made.append(score([crops], [run]))
    return made[1].at(made[0].best_threshold())


def clear_f1(found: presence.Presence, run: Run) -> float:
    """Return F1 of a run's grid without the crops that lie near the border of a particle.

    Whether these are positive hangs on a fifth of a radius: more than a radius tells of a shape.
    """
    truth, centres = run.picks(), centres_of(run.tomogram())
    radii = np.array([SHREC21[str(name)].radius for name in truth.objects])
    apart = np.linalg.norm(centres[:, None] - truth.zyx, axis=2) / radii
    clear = np.abs(apart.min(axis=1) - 1) > BORDER
    called, positive = (found.scores >= found.threshold)[clear], found.is_positive[clear]
    return float(2 * np.sum(called & positive) / max(np.sum(called) + np.sum(positive), 1))


def map_at(run: Run, detector: Detector) -> tuple[Any, Any]:
    """Return centres of a run's grid, and how likely any object of a detector's is there."""
    volume = run.tomogram().load()
    scores, centres = predict(volume, detector), centres_of(volume)
    cell = np.rint(scores.geometry.to_cells(centres)).astype(int)
    cell = np.minimum(cell, np.array(scores.data.shape[1:]) - 1)
    return centres, np.asarray(scores.data, np.float32).sum(axis=0)[tuple(cell.T)]


def places(run: Run, detector: Detector, *, together: bool) -> dict[str, float]:
    """Score picks at 0.5 whatever they are called: a hit is within half a particle's radius."""
    found = replace(pick(run.tomogram(), detector, together=together), run=run.name)
    scored = any_object.score(found, run.picks(), objects=SHREC21)
    figures = scored.facts()
    wanted = {key: figures[key] for key in ("precision", "recall", "f1")}
    return {"picks": len(found), "again": scored.again, **wanted}
