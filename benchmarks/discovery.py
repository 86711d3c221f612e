"""Find particles without labels in simulated ``shrec`` tomograms, by several ways, scored alike.

    python benchmarks/discovery.py -o out/discovery [--seeds 0,1,2] [--minutes 5]
        [--shape 180 256 256] [--only contrast-3d,darkness]

For each seed: four tomograms of the preset. Two to learn from, without their labels; one whose
labels choose the number of clusters and the threshold; one that is scored (docs/discovery.md has
the protocol: a crop of the grid is positive if its middle lies in a particle, by the table's
radii; ``clear`` is F1 without the crops within a fifth of a radius of that border). Every way is
scored on the same crops. Trainings get the same minutes on the clock. What is done is skipped when
the script is started again.

Ways: ``darkness``, how dark a crop's middle is against its surroundings, no network at all;
``blobs``, how much the best dark blob of any size stands out in the crop's middle, no network
either; ``random``, the 3-D encoder with the weights it starts from; recipes in the package, with
crops as large as these proteins ask for, but for the one that is as it was published;
``self-taught``, a detector that learns the dark blobs of the tomograms, by its score map, and
``self-taught-clusters`` by clusters of its features; ``with-labels``, the same detector taught the
true particles: what labels are worth, and out of the contest. Picks of the last two are scored as
well, at 0.5 with nothing tuned and whatever they are called: from the sum of their maps (together)
and from each map for itself; ``again`` are picks on particles that have one already.
"""

from __future__ import annotations

import argparse
import csv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _shrec import (
    STRIDE,
    blobs_of,
    by_values,
    clear_f1,
    darkness_of,
    map_at,
    places,
    score,
    simulate,
)
from _tables import markdown, once, told
from _timing import steps_in

from tomoscout.core.settings import merge
from tomoscout.discovery.cluster import kmeans
from tomoscout.discovery.embed import as_trained
from tomoscout.discovery.particles import rank_clusters
from tomoscout.discovery.scores import scored_crops, soft_scores
from tomoscout.inference.embedding import embed
from tomoscout.inference.encoder_weights import EncoderWeights, encoder_of, load_encoder
from tomoscout.inference.weights import Detector
from tomoscout.io.project import Run, open_project
from tomoscout.metrics import presence
from tomoscout.training.contrast import contrast, untrained
from tomoscout.training.contrast_recipe import read_contrast_recipe
from tomoscout.training.run import train

CROP = 160.0  # Å; the largest protein but one measures 180
GROUPS = (2, 4, 8, 16)
AS_PUBLISHED = "contrast-2d-original"
RECIPES = (AS_PUBLISHED, "contrast-2d", "contrast-3d")
VALUES = {"darkness": darkness_of, "blobs": blobs_of}
DETECTORS: dict[str, dict[str, Any]] = {
    "self-taught": {},
    "with-labels": {"data": {"source": "project"}, "target": {"radius": 1.0}},
}
GROUPED, TOGETHER = "self-taught-clusters", "together"
WAYS = (*VALUES, "random", *RECIPES, GROUPED, *DETECTORS)


def trained(
    way: str, runs: list[Run], folder: Path, options: argparse.Namespace
) -> tuple[EncoderWeights, float]:
    """Train an encoder for the minutes, or build one that is not; return it and its minutes."""
    crop = {} if way == AS_PUBLISHED else {"crop": CROP}
    if way == "random":
        torch.manual_seed(options.seed)
        recipe = read_contrast_recipe("contrast-3d", crop)
        return untrained(recipe, runs[0].tomogram().voxel_spacing, ()), 0.0
    if way == GROUPED:
        beside = folder.parent / "self-taught"
        detector, minutes = taught("self-taught", runs, beside, options)
        return encoder_of(detector), minutes
    project = open_project(folder.parent / "tomograms")
    names = [run.name for run in runs[:2]]

    def learn(output: Path, *, steps: int, **how: Any) -> None:
        training = {"steps": steps, "validate_every": steps, "seed": options.seed}
        recipe = read_contrast_recipe(way, crop | {"training": training})
        contrast(project, output, recipe=recipe, runs=names, **how)

    def trial(**how: Any) -> None:
        learn(folder / "trial", overwrite=True, **how)

    learn(folder / "model", steps=steps_in(options.minutes, folder / "steps.json", trial))
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
    return vectors, *darkness_of(run)


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


def taught(
    way: str, runs: list[Run], folder: Path, options: argparse.Namespace
) -> tuple[Detector, float]:
    """Train a detector of blobs, or of particles, for the minutes; return it and its minutes."""
    project = open_project(folder.parent / "tomograms").select([run.name for run in runs[:2]])

    def learn(output: Path, *, steps: int, **how: Any) -> Detector:
        training = {"steps": steps, "validate_every": steps, "seed": options.seed}
        settings = merge(DETECTORS[way], {"training": training})
        return train(
            project, output, recipe="self-taught", settings=settings, validation=[], **how
        ).detector

    def trial(**how: Any) -> None:
        learn(folder / "trial", overwrite=True, **how)

    steps = steps_in(options.minutes, folder / "steps.json", trial)
    detector = learn(folder / "model", steps=steps)
    rows = list(csv.DictReader((folder / "model" / "history.csv").open()))
    return detector, float(rows[-1]["seconds"]) / 60


def one(way: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Score one way with one seed."""
    options.seed = seed
    runs = simulate(options.output, seed, options.shape)
    learn, chooser, test = runs[:2], runs[2], runs[3]
    minutes, k, picked = 0.0, 0, {}
    folder = options.output / f"seed{seed}" / way
    if way in VALUES:
        found = by_values(VALUES[way], chooser, test)
    elif way in DETECTORS:
        detector, minutes = taught(way, runs, folder, options)
        found = by_values(partial(map_at, detector=detector), chooser, test)
        picked = {
            maps: places(test, detector, together=maps == TOGETHER) for maps in (TOGETHER, "each")
        }
    else:
        folder.mkdir(parents=True, exist_ok=True)
        encoder, minutes = trained(way, runs, folder, options)
        found, k = by_clusters(learn, chooser, test, encoder, seed=seed)
    counts = found.counts
    return {
        "way": way, "seed": seed, "auroc": found.auroc, "ap": found.average_precision,
        "f1": counts.f_beta(1.0), "clear": clear_f1(found, test),
        "precision": counts.precision, "recall": counts.recall,
        "ari": found.adjusted_rand() if k else None,
        "nmi": found.mutual_information() if k else None,
        "places": picked, "k": k, "positives": float(found.is_positive.mean()), "minutes": minutes,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Draw the table: mean and range over seeds."""
    keys = ("auroc", "ap", "f1", "clear", "precision", "recall", "ari", "nmi")
    lines = []
    for way in WAYS:
        mine = [row for row in rows if row["way"] == way]
        if not mine:
            continue
        cells = [told([row[key] for row in mine if row.get(key) is not None]) for key in keys]
        groups = ", ".join(str(row["k"]) for row in mine)
        lines.append([way, *cells, groups, f"{np.mean([row['minutes'] for row in mine]):.1f}"])
    return markdown(["way", *keys, "clusters", "minutes"], lines)


def places_table(rows: list[dict[str, Any]]) -> str:
    """Draw the table of picks at 0.5: mean and range over seeds."""
    forms = {"picks": ".0f", "f1": ".3f", "precision": ".3f", "recall": ".3f", "again": ".0f"}
    lines = []
    for way, maps in ((way, maps) for way in DETECTORS for maps in (TOGETHER, "each")):
        mine = [row["places"][maps] for row in rows if row["way"] == way and row.get("places")]
        if mine:
            cells = [told([one[key] for one in mine], form) for key, form in forms.items()]
            lines.append([way, maps, *cells])
    return markdown(["way", "maps", *forms], lines)


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
            rows.append(once(noted, partial(one, way, seed, options)))
            print(table([rows[-1]]), flush=True)
    print(table(rows))
    print(places_table(rows))


if __name__ == "__main__":
    main()
