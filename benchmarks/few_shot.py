"""Find particles of six objects by five examples of each, in simulated ``czii`` tomograms.

    python benchmarks/few_shot.py -o out/few_shot [--seeds 0,1,2] [--minutes 5]
        [--shape 184 500 500] [--examples 5] [--tests 2] [--only find,scout-around]

For each seed: three tomograms to learn from, one of which has the examples and no other label; one
whose labels choose the thresholds, of every way alike; others that are scored (F4). Who has five
examples has no tomogram to choose thresholds on, so there is a column without: 0.5 for all.
Trainings get the same minutes on the clock; a short trial says how many steps these are. What is
done is skipped when the script is started again.

Ways: ``find`` compares with the examples, through an encoder that was trained without labels on the
three tomograms; ``find-2d`` through one that sees slices, ``find-scout`` and ``find-taught``
through the encoding half of a detector, which learnt from pairs of views or from dark blobs.
Detectors trained on the examples alone: ``scout`` takes all else for background, particles that
nobody picked included; ``scout-around`` leaves out of the loss what is farther than 50 Å from the
edge of an example; ``scout-pretrained`` does so too and starts from ``find-scout``'s encoder, which
took as many minutes again.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _czii import f4, richest, run, simulate, spread_out, thresholds
from _tables import markdown, once, same_settings, told
from _timing import steps_in

from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.inference.detect import FLOOR, find_all, predict
from tomoscout.inference.weights import Detector
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.project import Project
from tomoscout.training.contrast import contrast
from tomoscout.training.contrast_recipe import read_contrast_recipe
from tomoscout.training.run import train

LEARN = 3  # tomograms
AROUND = {"patch": [64, 64, 64], "centred": 1.0, "annotated_around": 50.0}


@dataclass(frozen=True)
class Way:
    """One row of the table."""

    encoder: str = ""
    """Recipe of the encoder that ``find`` looks through, or that a detector starts from."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """How a detector's patches are drawn."""


WAYS = {
    "find": Way("contrast-3d"),
    "find-2d": Way("contrast-2d"),
    "find-scout": Way("contrast-scout"),
    "find-taught": Way("self-taught"),
    "scout": Way(),
    "scout-around": Way(sampling=AROUND),
    "scout-pretrained": Way("contrast-scout", AROUND),
}


class Scene(NamedTuple):
    """The tomograms of a seed."""

    seed: int
    folder: Path
    project: Project
    learn: list[str]
    shown: Project  # one of those to learn from, with the examples for picks
    chooser: str
    test: list[str]


def prepare(options: argparse.Namespace, seed: int) -> Scene:
    """Make the tomograms of a seed, and draw the examples."""
    folder = options.output / f"seed{seed}"
    count = LEARN + 1 + options.tests
    project = simulate(folder / "tomograms", count=count, seed=seed, shape=options.shape)
    names = sorted(project.names)
    example = project[richest(project, names[:LEARN])]
    chosen = spread_out(example.picks(), options.examples, np.random.default_rng(seed))
    write_picks(chosen, folder / "examples.csv", overwrite=True)
    shown = replace(project, runs=(replace(example, pick_files=(folder / "examples.csv",)),))
    return Scene(seed, folder, project, names[:LEARN], shown, names[LEARN], names[LEARN + 1 :])


def encoder_of(recipe: str, scene: Scene, options: argparse.Namespace) -> Path:
    """Train an encoder without labels for the minutes, unless that is done; return its folder."""

    def learn(folder: Path, *, steps: int, **how: Any) -> None:
        training = {"steps": steps, "validate_every": max(steps // 4, 1), "seed": scene.seed}
        if recipe == "self-taught":
            how |= {"settings": {"training": training}, "validation": []}
            train(scene.project.select(scene.learn), folder, recipe=recipe, **how)
            return
        timed = read_contrast_recipe(recipe, {"training": training})
        contrast(scene.project, folder, recipe=timed, runs=scene.learn, **how)

    def trial(**how: Any) -> None:
        learn(options.output / "trials" / recipe, overwrite=True, **how)

    folder = scene.folder / recipe
    noted = options.output / "steps" / f"{recipe}.json"
    learn(folder, steps=steps_in(options.minutes, noted, trial))
    return folder


def searched(encoder: Path, scene: Scene, folder: Path) -> dict[str, Picks]:
    """Look for what resembles the examples; return all candidates of each run.

    The grid is wide: it only says what ground looks like.
    """
    names = [scene.chooser, *scene.test]
    run("find", str(scene.project.path), "--like", str(scene.folder / "examples.csv"), "-o",
        str(folder), "--encoder", str(encoder), "--runs", ",".join(names),
        "--stride", "16")  # fmt: skip
    files = {name: folder / "picks" / "candidates" / f"{name}.csv" for name in names}
    return {
        name: Picks.concatenate([Picks.empty(name), *read_picks(path, objects=CZII)])
        for name, path in files.items()
    }


def detector_for(way: str, scene: Scene, options: argparse.Namespace) -> Detector:
    """Train a detector on the examples for the minutes, unless that is done."""
    init = encoder_of(WAYS[way].encoder, scene, options) if WAYS[way].encoder else None
    sampling = WAYS[way].sampling

    def learn(folder: Path, *, steps: int, **how: Any) -> Detector:
        training = {"steps": steps, "validate_every": max(steps // 4, 1), "seed": scene.seed}
        settings = {"training": training, "sampling": {"allow_missing": True, **sampling}}
        return train(
            scene.shown, folder, recipe="scout", settings=settings, validation=[], init=init, **how
        ).detector

    def trial(**how: Any) -> None:
        learn(options.output / "trials" / way, overwrite=True, **how)

    alike = next(w for w in WAYS if w.startswith("scout") and WAYS[w].sampling == sampling)
    noted = options.output / "steps" / f"{alike}.json"  # where it starts does not make it slower
    return learn(scene.folder / way, steps=steps_in(options.minutes, noted, trial))


def candidates(detector: Detector, scene: Scene) -> dict[str, Picks]:
    """Return all candidates of each run."""
    floor, found = dict.fromkeys(CZII.names, FLOOR), {}
    for name in (scene.chooser, *scene.test):
        scores = predict(scene.project[name].tomogram(), detector)
        found[name] = replace(find_all(scores, detector, thresholds=floor), run=name)
    return found


def one(way: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Score one way with one seed."""
    scene = prepare(options, seed)
    if way.startswith("find"):
        folder = encoder_of(WAYS[way].encoder, scene, options)
        started = time.perf_counter()
        found = searched(folder, scene, scene.folder / way)
    else:
        folder = scene.folder / way
        detector = detector_for(way, scene, options)
        started = time.perf_counter()
        found = candidates(detector, scene)
    seconds = time.perf_counter() - started
    truth = {name: scene.project[name].picks() for name in found}
    chosen = thresholds([found[scene.chooser]], [truth[scene.chooser]])
    scores = {
        key: f4([found[name].above(limits) for name in scene.test], [truth[n] for n in scene.test])
        for key, limits in (("chosen", chosen), ("half", dict.fromkeys(CZII.names, 0.5)))
    }
    last = list(csv.DictReader((folder / "history.csv").open()))[-1]
    shown = scene.shown.runs[0].picks()
    return {
        "way": way, "seed": seed, **scores, "thresholds": chosen, "steps": int(last["step"]),
        "minutes": float(last["seconds"]) / 60, "seconds per tomogram": seconds / len(found),
        "examples": {name: len(shown.of(name)) for name in CZII.names},
        "particles": {name: sum(len(truth[n].of(name)) for n in scene.test) for name in CZII.names},
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Draw the table: mean and range over seeds."""
    names = [*CZII.names, "weighted"]
    heads = ["way", *names, "weighted, threshold 0.5", "steps", "minutes", "s per tomogram"]
    lines = []
    for way in WAYS:
        mine = [row for row in rows if row["way"] == way]
        if not mine:
            continue
        cells = [told([row["chosen"][name] for row in mine]) for name in names]
        cells.append(told([row["half"]["weighted"] for row in mine]))
        steps, minutes, seconds = (
            np.mean([row[key] for row in mine])
            for key in ("steps", "minutes", "seconds per tomogram")
        )
        lines.append([f"`{way}`", *cells, f"{steps:.0f}", f"{minutes:.1f}", f"{seconds:.0f}"])
    return markdown(heads, lines)


def main() -> None:
    """Do what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--shape", nargs=3, default=["184", "500", "500"])
    parser.add_argument("--examples", type=int, default=5)
    parser.add_argument("--tests", type=int, default=2)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    kept = ("minutes", "shape", "examples", "tests")
    same_settings(options.output, {key: getattr(options, key) for key in kept})
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
