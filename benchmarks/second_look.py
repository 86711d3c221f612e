"""Pick simulated ``czii`` tomograms, have a classifier look again, and see whether it helps.

    python benchmarks/second_look.py -o out/second_look [--seeds 0,1,2] [--model czii-sim]
        [--recipe linear] [--minutes 5] [--shape 184 400 400]

For each seed: five tomograms of the preset. The classifier learns from three; the fourth gives the
thresholds, of the picks as they are and after each kind of second look, each its own; the fifth is
scored (weighted F4). What the detector found at any score is looked at, nothing is dropped before
thresholds are chosen: they do it. What is done is skipped when the script is started again.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from _tables import markdown, once, told
from _timing import steps_in

from tomoscout.cli import main as tomoscout
from tomoscout.commands._picks import picks_by_run
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.io.project import open_project
from tomoscout.metrics import czii
from tomoscout.training.classify import classify
from tomoscout.training.classify_recipe import read_classify_recipe
from tomoscout.tuning.thresholds import sweep

LOOKS = ("multiply", "replace")


def run(*words: str) -> None:
    """Run one verb."""
    print("tomoscout", *words, flush=True)
    if code := tomoscout([*words, "--quiet"]):
        raise SystemExit(code)


def teach(config: Path, folder: Path, held_out: list[str], options: argparse.Namespace) -> None:
    """Train the classifier for the minutes; a short trial says how many steps these are."""
    project = open_project(config)

    def trial(*, steps: int, **how: Any) -> None:
        short = read_classify_recipe(options.recipe, {"training": {"steps": steps, "warmup": 0}})
        classify(
            project, folder / "trial", recipe=short, validation=held_out, overwrite=True, **how
        )

    steps = steps_in(options.minutes, folder / "steps.json", trial)
    run("teach", str(config), "-o", str(folder / "model"), "--recipe", options.recipe,
        "--validation", ",".join(held_out), "--training.steps", str(steps),
        "--training.validate-every", str(max(steps // 2, 1)))  # fmt: skip


def f4(folder: Path, config: Path, chooser: str, test: str) -> float:
    """Score the picks of one run at the thresholds that are best on another."""
    project = open_project(config)
    found = picks_by_run(folder, project, CZII, runs=list(project.names))

    def of(name: str) -> tuple[Picks, Picks]:
        return found.get(name, Picks.empty(name)), project[name].picks()

    sweeps = sweep(*of(chooser), objects=CZII)
    limits = {name: one.best.threshold for name, one in sweeps.items()}
    picks, truth = of(test)
    return float(czii.score(picks.above(limits), truth, objects=CZII).weighted)


def one(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Do all of one seed."""
    folder = options.output / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    tomograms = folder / "tomograms"
    run("simulate", str(tomograms), "--preset", "czii", "--runs", "5", "--seed", str(seed),
        "--shape", *options.shape)  # fmt: skip
    config = tomograms / "copick.json"
    *_, chooser, test = sorted(open_project(config).names)
    teach(config, folder, [chooser, test], options)
    both = f"{chooser},{test}"
    picks = folder / "picks"
    run("pick", str(config), "--model", options.model, "--runs", both, "-o", str(picks))
    scores = {"as picked": f4(picks / "candidates", config, chooser, test)}
    for look in LOOKS:
        seen = folder / look
        run("classify", str(config), "--picks", str(picks / "candidates"), "--runs", both,
            "--model", str(folder / "model"), "--drop", "1", "--scores", look,
            "-o", str(seen))  # fmt: skip
        scores[look] = f4(seen, config, chooser, test)
    right = json.loads((folder / "model" / "held_out.json").read_text())["scores"]["balanced"]
    return {"seed": seed, "balanced": right, **scores}


def main() -> None:
    """Do what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--model", default="czii-sim")
    parser.add_argument("--recipe", default="linear")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--shape", nargs=3, default=["184", "400", "400"])
    options = parser.parse_args()
    rows = []
    for seed in map(int, options.seeds.split(",")):
        noted = options.output / f"seed{seed}.json"
        rows.append(once(noted, partial(one, seed, options)))
        print(rows[-1], flush=True)
    keys = ("as picked", *LOOKS, "balanced")
    heads = ["F4 as picked", "multiplied", "replaced", "classifier, balanced accuracy"]
    print(markdown(heads, [[told([row[key] for row in rows]) for key in keys]]))


if __name__ == "__main__":
    main()
