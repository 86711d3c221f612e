"""Train detectors with 5, 20 and 100 % of the labels, with and without contrastive pretraining.

    python benchmarks/labels.py -o out/labels [--seeds 0,1,2] [--minutes 5] [--pretraining 5]
        [--shape 184 256 256] [--tomograms 20] [--shares 5,20,100] [--only scout,...] [--longer]
        [--taught]

For each seed: twenty small tomograms of preset ``czii`` to learn from, two whose labels choose the
thresholds, four that are scored (F4, their counts pooled). A share of the labels is that share of
the tomograms, labelled throughout: particles left out of a labelled one would be taken for
background. The first to be labelled is the one with most particles of its rarest object, as one
would choose who labels but one; larger shares hold the smaller ones. The pretraining looks at all
twenty, at no label. With and without, and for all shares, a detector takes the same steps, as many
as fit into the minutes; the pretraining's minutes come on top, so ``--longer`` trains those without
for these too. With and without, patches are the same to the voxel. What is done is skipped when
the script is started again.

Pairs of recipes: ``scout`` after ``contrast-scout``, ``etfinder-resnet50-cpu`` after
``contrast-resnet``, ``token-transformer-cpu`` after ``contrast-tokens``; with ``--taught`` also
``scout`` after ``self-taught``, which learns the dark blobs of all twenty.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _czii import f4, richest, simulate
from _tables import NONE, markdown, once, same_settings, told
from _timing import steps_in

from tomoscout.core.objects import CZII
from tomoscout.inference.detect import pick
from tomoscout.inference.weights import Detector
from tomoscout.io.project import Project
from tomoscout.training.contrast import contrast
from tomoscout.training.contrast_recipe import read_contrast_recipe
from tomoscout.training.run import train

CHOOSERS, TESTS = 2, 4  # tomograms
PAIRS = {
    "scout": "contrast-scout",
    "etfinder-resnet50-cpu": "contrast-resnet",
    "token-transformer-cpu": "contrast-tokens",
}
TAUGHT = "self-taught"  # of the network that ``scout`` has
WAYS = ("without", "longer", "pretrained", TAUGHT)


class Scene(NamedTuple):
    """The tomograms of a seed."""

    seed: int
    folder: Path
    project: Project
    learn: list[str]  # in the order in which they are labelled
    choosers: list[str]
    test: list[str]


def prepare(options: argparse.Namespace, seed: int) -> Scene:
    """Make the tomograms of a seed."""
    folder, learn = options.output / f"seed{seed}", options.tomograms
    count = learn + CHOOSERS + TESTS
    project = simulate(folder / "tomograms", count=count, seed=seed, shape=options.shape)
    names = sorted(project.names)
    first = richest(project, names[:learn])
    order = [first, *(name for name in names[:learn] if name != first)]
    return Scene(
        seed, folder, project, order, names[learn : learn + CHOOSERS], names[learn + CHOOSERS :]
    )


def labelled(scene: Scene, share: int) -> list[str]:
    """Return the tomograms that are labelled of a share in percent, one at least."""
    return scene.learn[: max(round(share / 100 * len(scene.learn)), 1)]


def recipe_before(recipe: str, way: str) -> str:
    """Return the recipe that a way trains with first; an empty text for none."""
    return {"pretrained": PAIRS[recipe], TAUGHT: TAUGHT}.get(way, "")


def pretrained(recipe: str, scene: Scene, options: argparse.Namespace) -> Path:
    """Train on all tomograms without labels, unless that is done; return the folder."""

    def learn(folder: Path, names: Sequence[str], *, steps: int, **how: Any) -> None:
        training = {"steps": steps, "validate_every": max(steps // 4, 1), "seed": scene.seed}
        if recipe == TAUGHT:
            settings = {"training": training, "data": {"blobs": {"tomograms": len(names)}}}
            how |= {"settings": settings, "validation": []}
            train(scene.project.select(names), folder, recipe=TAUGHT, **how)
            return
        timed = read_contrast_recipe(recipe, {"training": training, "tomograms": len(names)})
        contrast(scene.project, folder, recipe=timed, runs=names, **how)

    def trial(**how: Any) -> None:
        learn(options.output / "trials" / recipe, scene.learn[:2], overwrite=True, **how)

    noted = options.output / "steps" / f"{recipe}.json"
    folder = scene.folder / recipe
    learn(folder, scene.learn, steps=steps_in(options.pretraining, noted, trial))
    return folder


def detector_for(
    recipe: str, way: str, share: int, scene: Scene, options: argparse.Namespace
) -> tuple[Detector, Path]:
    """Train a detector on a share of the labels, unless that is done; return its folder too."""
    before = recipe_before(recipe, way)
    init = pretrained(before, scene, options) if before else None

    def learn(
        folder: Path, runs: Sequence[str], choosers: Sequence[str], *, steps: int, **how: Any
    ) -> Detector:
        training = {"steps": steps, "validate_every": steps, "seed": scene.seed, "keep": "last"}
        settings = {"training": training, "sampling": {"allow_missing": True}}
        project = scene.project.select([*runs, *choosers])
        return train(
            project, folder, recipe=recipe, settings=settings, validation=choosers, **how
        ).detector

    def trial(**how: Any) -> None:
        learn(options.output / "trials" / recipe, scene.learn[:1], [], overwrite=True, **how)

    steps = steps_in(options.minutes, options.output / "steps" / f"{recipe}.json", trial)
    if way == "longer":
        steps = round(steps * (1 + options.pretraining / options.minutes))
    folder = scene.folder / f"{recipe}-{share}-{way}"
    runs = labelled(scene, share)
    return learn(folder, runs, scene.choosers, steps=steps, init=init), folder


def one(
    recipe: str, way: str, share: int, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Train and score one recipe with one share and seed."""
    scene = prepare(options, seed)
    detector, folder = detector_for(recipe, way, share, scene, options)
    truth = [scene.project[name].picks() for name in scene.test]
    found = [
        replace(pick(scene.project[name].tomogram(), model=detector), run=name)
        for name in scene.test
    ]
    first = recipe_before(recipe, way)
    before = minutes_of(scene.folder / first) if first else 0.0
    known = [scene.project[name].picks() for name in labelled(scene, share)]
    return {
        "recipe": recipe, "way": way, "share": share, "seed": seed, "f4": f4(found, truth),
        "steps": last_row(folder)["step"], "minutes": minutes_of(folder), "pretraining": before,
        "tomograms": len(known),
        "particles": {name: sum(len(picks.of(name)) for picks in known) for name in CZII.names},
    }  # fmt: skip


def last_row(folder: Path) -> dict[str, float]:
    """Return the numbers of a training's last step."""
    row = list(csv.DictReader((folder / "history.csv").open()))[-1]
    return {key: float(row[key]) for key in ("step", "seconds")}


def minutes_of(folder: Path) -> float:
    """Return how long a training took."""
    return last_row(folder)["seconds"] / 60


def table(rows: list[dict[str, Any]]) -> str:
    """Draw the table: mean and range over seeds; the gain is that of each seed by itself."""
    heads = ["recipe", "labels", "tomograms", "particles", "training", "weighted F4"]
    heads += ["gain over without", "steps", "minutes", "minutes of pretraining"]
    lines = []
    for key in dict.fromkeys((row["recipe"], row["share"], row["way"]) for row in rows):
        mine = [row for row in rows if (row["recipe"], row["share"], row["way"]) == key]
        plain = {
            row["seed"]: row["f4"]["weighted"]
            for row in rows
            if (row["recipe"], row["share"], row["way"]) == (*key[:2], "without")
        }
        scores = [row["f4"]["weighted"] for row in mine]
        gains = [row["f4"]["weighted"] - plain[row["seed"]] for row in mine if row["seed"] in plain]
        gain = NONE if key[2] == "without" else told(gains, "+.3f")
        particles = np.mean([sum(row["particles"].values()) for row in mine])
        steps, minutes, before = (
            np.mean([row[name] for row in mine]) for name in ("steps", "minutes", "pretraining")
        )
        numbers = [f"{steps:.0f}", f"{minutes:.1f}", f"{before:.1f}"]
        which = [f"`{key[0]}`", f"{key[1]} %", f"{mine[0]['tomograms']}", f"{particles:.0f}"]
        lines.append([*which, key[2], told(scores), gain, *numbers])
    return markdown(heads, lines)


def main() -> None:
    """Do what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--pretraining", type=float, default=5.0)
    parser.add_argument("--shape", nargs=3, default=["184", "256", "256"])
    parser.add_argument("--tomograms", type=int, default=20)
    parser.add_argument("--shares", default="5,20,100")
    parser.add_argument("--only", default="")
    parser.add_argument("--longer", action="store_true")
    parser.add_argument("--taught", action="store_true")
    options = parser.parse_args()
    kept = ("minutes", "pretraining", "shape", "tomograms")
    same_settings(options.output, {key: getattr(options, key) for key in kept})
    wanted = [name for name in options.only.split(",") if name] or list(PAIRS)
    asked = {"longer": options.longer, TAUGHT: options.taught}
    shares = [int(share) for share in options.shares.split(",")]
    rows = []
    for recipe in wanted:
        for seed in map(int, options.seeds.split(",")):
            ways = [w for w in WAYS if asked.get(w, True) and (w != TAUGHT or recipe == "scout")]
            for share, way in ((share, way) for share in shares for way in ways):
                noted = options.output / f"seed{seed}" / f"{recipe}-{share}-{way}.json"
                rows.append(once(noted, partial(one, recipe, way, share, seed, options)))
                print(table([rows[-1]]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
