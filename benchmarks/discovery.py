"""Find particles without labels in simulated ``shrec`` tomograms, by several ways, scored alike.

    python benchmarks/discovery.py -o out/discovery [--seeds 0,1,2] [--minutes 5]
        [--shape 180 256 256] [--only contrast-3d,darkness]

For each seed: four tomograms of the preset. Two to learn from, without their labels; one whose
labels choose the number of clusters and the threshold; one that is scored (docs/discovery.md has
the protocol: a crop of the grid is positive if its middle lies in a particle, by the table's
radii). Every way is scored on the same crops. Trainings get the same minutes on the clock. What is
done is skipped when the script is started again.

Ways: ``darkness``, how dark a crop's middle is against its surroundings, no network at all;
``blobs``, how much the best dark blob of any size stands out in the crop's middle, no network
either; ``random``, the 3-D encoder with the weights it starts from; recipes in the package, with
crops as large as these proteins ask for, but for the one that is as it was published.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC21
from tomoscout.discovery.cluster import kmeans
from tomoscout.discovery.darkness import darkness_at
from tomoscout.discovery.embed import as_trained
from tomoscout.discovery.particles import rank_clusters
from tomoscout.discovery.scores import name_of, scored_crops, soft_scores
from tomoscout.inference.embedding import embed
from tomoscout.inference.encoder_weights import EncoderWeights, load_encoder
from tomoscout.io.project import Run, open_project
from tomoscout.metrics import presence
from tomoscout.ops.grids import Grid
from tomoscout.training.contrast import contrast, untrained
from tomoscout.training.contrast_recipe import read_contrast_recipe

STRIDE = 16  # voxels of 10 Å from crop to crop: the published encoder takes 9 GFLOP for each
MIDDLE = 9  # voxels; of a crop, where a blob counts
RADIUS = 100.0  # Å, of the particles, about
CROP = 160.0  # Å; the largest protein but one measures 180
BLOBS = (80.0, 120.0, 180.0, 270.0)  # diameters in Å
TRIAL = 12  # steps; the second half of them is timed
GROUPS = (2, 4, 8, 16)
AS_PUBLISHED = "contrast-2d-original"
RECIPES = (AS_PUBLISHED, "contrast-2d", "contrast-3d")
WAYS = ("darkness", "blobs", "random", *RECIPES)


def simulate(output: Path, seed: int, shape: list[str]) -> list[Run]:
    """Make the four tomograms of a seed."""
    folder = output / f"seed{seed}" / "tomograms"
    words = ["simulate", str(folder), "--preset", "shrec", "--runs", "4", "--seed", str(seed)]
    subprocess.run(
        [sys.executable, "-m", "tomoscout.cli", *words, "--shape", *shape, "--quiet"], check=True
    )
    return list(open_project(folder).runs)


def trained(
    way: str, runs: list[Run], folder: Path, options: argparse.Namespace
) -> tuple[EncoderWeights, float]:
    """Train an encoder for the minutes, or build one that is not; return it and its minutes."""
    crop = {} if way == AS_PUBLISHED else {"crop": CROP}
    if way == "random":
        torch.manual_seed(options.seed)
        recipe = read_contrast_recipe("contrast-3d", crop)
        return untrained(recipe, runs[0].tomogram().voxel_spacing, ()), 0.0
    project = open_project(folder.parent / "tomograms")
    names = [run.name for run in runs[:2]]
    noted = folder / "steps.json"
    if not noted.exists():
        short = read_contrast_recipe(way, crop | {"training": {"steps": TRIAL, "warmup": 0}})
        times: list[float] = []
        contrast(
            project, folder / "trial", recipe=short, runs=names, overwrite=True,
            tell=lambda now: times.append(time.perf_counter()),
        )  # fmt: skip
        each = (times[-1] - times[TRIAL // 2]) / (len(times) - 1 - TRIAL // 2)
        noted.write_text(json.dumps(max(int(options.minutes * 60 / each), TRIAL)))
    steps = json.loads(noted.read_text())
    timed = read_contrast_recipe(
        way, crop | {"training": {"steps": steps, "validate_every": steps, "seed": options.seed}}
    )
    contrast(project, folder / "model", recipe=timed, runs=names)
    rows = list(csv.DictReader((folder / "model" / "history.csv").open()))
    return load_encoder(folder / "model" / "encoder.safetensors"), float(rows[-1]["seconds"]) / 60


def embedded(run: Run, encoder: EncoderWeights) -> tuple[Any, Any, Any]:
    """Return vectors, centres and darkness of a run's grid."""
    volume = run.tomogram().load()
    vectors = np.concatenate(
        [
            layer.vectors.reshape(-1, layer.vectors.shape[-1])
            for layer in embed(as_trained(volume, encoder), encoder, stride=STRIDE)
        ]
    )
    return vectors, *grid_of(run)


def grid_of(run: Run) -> tuple[Any, Any]:
    """Return centres and darkness of a run's grid."""
    volume = run.tomogram().load()
    centres = Grid.at_stride(volume.shape, STRIDE).centres_angstrom(volume.voxel_spacing)
    return centres, darkness_at(volume, centres, radius=RADIUS)


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
    grid = Grid.at_stride(volume.shape, STRIDE)
    at = np.rint(grid.centres_angstrom(volume.voxel_spacing) / volume.voxel_spacing).astype(int)
    at = np.minimum(at, np.array(volume.shape) - 1)
    return grid.centres_angstrom(volume.voxel_spacing), best[tuple(at.T)]


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


def by_clusters(
    learn: list[Run], chooser: Run, test: Run, encoder: EncoderWeights, *, seed: int
) -> tuple[presence.Presence, int]:
    """Group what was learnt from, choose how many groups on one run, and score another."""
    parts = [embedded(run, encoder) for run in learn]
    vectors = np.concatenate([part[0] for part in parts])
    dark = np.concatenate([part[2] for part in parts])
    others = {run.name: embedded(run, encoder) for run in (chooser, test)}
    best: tuple[float, presence.Presence, int] | None = None
    for k in GROUPS:
        clusters = kmeans(vectors, k, seed=seed)
        kept = rank_clusters(vectors, clusters.labels, dark).kept  # no label is looked at
        soft = soft_scores(vectors, clusters, kept, together=True)
        found = []
        for run in (chooser, test):
            rows, centres, _ = others[run.name]
            found.append(score([scored_crops(rows, centres, soft, run=run.name)], [run]))
        threshold = found[0].best_threshold()
        f1 = found[0].at(threshold).counts.f_beta(1.0)
        if best is None or f1 > best[0]:
            best = (f1, found[1].at(threshold), k)
    assert best is not None
    return best[1], best[2]


VALUES = {"darkness": grid_of, "blobs": blobs_of}


def one(way: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Score one way with one seed."""
    options.seed = seed
    runs = simulate(options.output, seed, options.shape)
    learn, chooser, test = runs[:2], runs[2], runs[3]
    minutes, k = 0.0, 0
    if way in VALUES:
        found = by_values(VALUES[way], chooser, test)
    else:
        folder = options.output / f"seed{seed}" / way
        folder.mkdir(parents=True, exist_ok=True)
        encoder, minutes = trained(way, runs, folder, options)
        found, k = by_clusters(learn, chooser, test, encoder, seed=seed)
    counts = found.counts
    return {
        "way": way, "seed": seed, "auroc": found.auroc, "ap": found.average_precision,
        "f1": counts.f_beta(1.0), "precision": counts.precision, "recall": counts.recall,
        "ari": found.adjusted_rand() if k else None,
        "nmi": found.mutual_information() if k else None,
        "k": k, "positives": float(found.is_positive.mean()), "minutes": minutes,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Draw the table: mean and range over seeds."""
    keys = ("auroc", "ap", "f1", "precision", "recall", "ari", "nmi")
    lines = ["| way | " + " | ".join(keys) + " | clusters | minutes |", "| --- " * 10 + "|"]
    for way in WAYS:
        mine = [row for row in rows if row["way"] == way]
        if not mine:
            continue
        cells = []
        for key in keys:
            values = [row[key] for row in mine if row[key] is not None]
            told = f"{np.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})" if values else "–"
            cells.append(told)
        groups = ", ".join(str(row["k"]) for row in mine)
        minutes = np.mean([row["minutes"] for row in mine])
        lines.append(f"| {way} | {' | '.join(cells)} | {groups} | {minutes:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Do what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--shape", nargs=3, default=["180", "256", "256"])
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name] or list(WAYS)
    rows = []
    for seed in map(int, options.seeds.split(",")):
        for way in wanted:
            noted = options.output / f"seed{seed}" / f"{way}.json"
            if not noted.exists():
                noted.parent.mkdir(parents=True, exist_ok=True)
                noted.write_text(json.dumps(one(way, seed, options), indent=1))
            rows.append(json.loads(noted.read_text()))
            print(table([rows[-1]]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
