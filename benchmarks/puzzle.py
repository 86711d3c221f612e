"""Tell 13 proteins and background apart in simulated ``shrec`` tomograms: heads and lessons.

    python benchmarks/puzzle.py -o out/puzzle [--seeds 0,1,2] [--minutes 8]
        [--shape 180 512 512] [--only linear,puzzle] [--device auto]

For each seed: four tomograms of the preset. Three to learn from, one that is scored. All ways have
the same backbone, see crops drawn alike (14 classes, all as often) and train for the same minutes
on the clock; the puzzle's four combinations of picture and positions cost it steps. The last
weights are scored: nothing is chosen by the held-out tomogram. What is done is skipped when the
script is started again, and what was stopped goes on.

Ways are recipes in the package: ``linear``, ``transformer``, ``puzzle``, ``puzzle-rotate``. On
photographs 69.75, 73.65, 73.45 and 71.13 % were published.
"""

from __future__ import annotations

import argparse
import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _shrec import simulate
from _tables import markdown, once, told
from _timing import steps_in

from tomoscout.io.project import open_project
from tomoscout.training.classify import Classified, classify
from tomoscout.training.classify_recipe import ClassifyRecipe, read_classify_recipe

WAYS = ("linear", "transformer", "puzzle", "puzzle-rotate")
CLASSES = 14
EVENLY = {"background": 1 / CLASSES, "held_out": 100_000}


def recipe_for(way: str, **training: Any) -> ClassifyRecipe:
    """Return a way's recipe with all classes alike likely."""
    return read_classify_recipe(way, {**EVENLY, "training": training})


def one(way: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train and score one way with one seed."""
    runs = simulate(options.output, seed, options.shape)
    folder = options.output / f"seed{seed}" / way
    folder.mkdir(parents=True, exist_ok=True)
    project = open_project(folder.parent / "tomograms")
    learn = project.select([run.name for run in runs[:3]])

    def trial(*, steps: int, **how: Any) -> None:
        short = recipe_for(way, steps=steps, warmup=0)
        classify(
            learn, folder / "trial", recipe=short, validation=[], device=options.device,
            overwrite=True, **how,
        )  # fmt: skip

    steps = steps_in(options.minutes, folder / "steps.json", trial)
    # Some checkpoints on the way: what is stopped goes on from there.
    recipe = recipe_for(way, steps=steps, validate_every=max(steps // 4, 1), seed=seed)
    done = classify(
        project, folder / "model", recipe=recipe, validation=[runs[3].name], device=options.device
    )
    return {"way": way, "seed": seed, "steps": steps, "minutes": minutes_of(done), **facts(done)}


def facts(done: Classified) -> dict[str, float]:
    """Return what the held-out tomogram says."""
    found = json.loads((done.folder / "held_out.json").read_text())
    shuffled = found["terms"].get("accuracy_shuffled", float("nan"))
    scores = found["scores"]
    return {
        "accuracy": scores["accuracy"],
        "balanced": scores["balanced"],
        "shuffled": shuffled,
        "background": scores["background"],
        "crops": float(np.sum(found["confusion"])),
    }


def minutes_of(done: Classified) -> float:
    """Return how long the training took."""
    rows = list(csv.DictReader((done.folder / "history.csv").open()))
    return float(rows[-1]["seconds"]) / 60


def table(rows: list[dict[str, Any]]) -> str:
    """Draw the table: mean and range over seeds, in percent."""
    keys = ("accuracy", "balanced", "background", "shuffled")
    lines = []
    for way in WAYS:
        mine = [row for row in rows if row["way"] == way]
        if not mine:
            continue
        cells = [
            told([100 * row[key] for row in mine if np.isfinite(row[key])], ".1f") for key in keys
        ]
        steps, minutes = (np.mean([row[key] for row in mine]) for key in ("steps", "minutes"))
        lines.append([way, *cells, f"{steps:.0f}", f"{minutes:.1f}"])
    return markdown(["way", *keys, "steps", "minutes"], lines)


def main() -> None:
    """Do what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--shape", nargs=3, default=["180", "512", "512"])
    parser.add_argument("--only", default="")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name] or list(WAYS)
    rows = []
    for seed in map(int, options.seeds.split(",")):
        for way in wanted:
            noted = options.output / f"seed{seed}" / f"{way}.json"
            rows.append(once(noted, partial(one, way, seed, options)))
            print(table([rows[-1]]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
