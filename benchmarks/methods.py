"""Train every method for the same time on the same simulated tomograms, and score them alike.

    python benchmarks/methods.py -o out/methods --picks PICKS [--molecule ribosome=MAP@3500 ...]
        [--train A,B,C] [--tune D] [--test E,F,G] [--minutes 10] [--only scout,deepfinder2]

Makes twins (preset ``czii-twin``, all four kinds of tomogram) of runs of PICKS: some to train on,
one whose picks say the thresholds and which weights are kept, some that nothing has seen. Each
recipe trains for the same minutes on the clock, with steps set from a short trial, so that its
learning rate ends where it should; reading the tomograms and the one validation at the end come
on top. All are scored when all are trained, one after the other, so that their seconds compare.
What is done is skipped when the script is started again with the same runs and minutes; others
want another folder. The table is printed each time.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from _tables import markdown, same_settings

from tomoscout.core.objects import CZII
from tomoscout.core.picks import by_run
from tomoscout.inference.detect import pick
from tomoscout.inference.weights import load_detector
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.project import open_project
from tomoscout.metrics import czii

TRIAL = 24  # steps; the second half of them is timed
SIMULATED_TRIAL = 100  # steps; at the start of them more tomograms are simulated than later on


@dataclass(frozen=True)
class Method:
    """One row of the table."""

    recipe: str
    before: str = ""
    """Recipe that gets the first half of the time, on simulation; its weights start this one."""


METHODS = (
    Method("scout"),
    Method("czii-1st-resnet34-cpu"),
    Method("czii-1st-resnet34-ds-cpu"),
    Method("czii-1st-effnetb3-cpu"),
    Method("czii-2nd-unet-cpu"),
    Method("czii-4th-unet25d-cpu"),
    Method("unet3d-baseline-cpu"),
    Method("unet25d-resnet34d-cpu"),
    Method("etfinder-resnet50-cpu"),
    Method("deepfinder2-cpu"),
    Method("token-transformer-cpu"),
    Method("token-cnn-cpu"),
    Method("token-finetune-cpu", before="token-pretrain-cpu"),
    Method("slice-detector-cpu"),
)


@dataclass(frozen=True)
class Outcome:
    """What one method reached."""

    recipe: str
    steps: int
    train_seconds: float
    pick_seconds: float  # per tomogram
    picks: float  # per tomogram
    parameters: int
    scores: dict[str, float]
    pretrain_steps: int = 0  # of the training whose weights started this one
    each: dict[str, float] = field(default_factory=dict)  # weighted score of every run alone


def run(*arguments: str) -> float:
    """Run one verb and return its seconds."""
    started = time.perf_counter()
    print("tomoscout", *arguments, flush=True)
    # A process of its own: what one training held in memory is no burden to the next.
    subprocess.run([sys.executable, "-m", "tomoscout.cli", *arguments, "--quiet"], check=True)
    return time.perf_counter() - started


def make_projects(options: argparse.Namespace) -> tuple[Path, Path]:
    """Simulate the twins; return the project to train and tune on, and the one to test on."""
    settings = {k: getattr(options, k) for k in ("train", "tune", "test", "minutes")}
    same_settings(options.output, settings)
    found = by_run(read_picks(options.picks, objects=CZII))
    molecules = [word for text in options.molecule for word in ("--molecule", text)]
    made = []
    for part, names, seed in (
        ("learn", [*options.train.split(","), options.tune], 1),
        ("test", options.test.split(","), 2),
    ):
        folder, chosen = options.output / part, options.output / f"{part}.csv"
        write_picks([found[name] for name in names], chosen, overwrite=True)
        run("simulate", str(folder), "--preset", "czii-twin", "--picks", str(chosen), "--seed",
            str(seed), "--runs", str(len(names)), "--kinds", "all", *molecules)  # fmt: skip
        made.append(folder / "copick.json")
    return made[0], made[1]


def seconds_per_step(history: Path) -> float:
    """Return the seconds of a step, from the second half of a trial's log."""
    rows = [row for row in csv.DictReader(history.open()) if row["loss"]]
    (a, first), (b, last) = ((int(r["step"]), float(r["seconds"])) for r in (rows[0], rows[-1]))
    return (last - first) / (b - a)


def plan(options: argparse.Namespace, method: Method, learn: Path) -> dict[str, int]:
    """Return how many steps each recipe of a method gets, from a short trial of each."""
    noted = options.output / "steps" / f"{method.recipe}.json"
    if noted.exists():
        found: dict[str, int] = json.loads(noted.read_text())
        return found
    steps = {}
    recipes = [recipe for recipe in (method.before, method.recipe) if recipe]
    for recipe in recipes:
        trial = options.output / "trials" / recipe
        is_first = recipe == method.before
        count = SIMULATED_TRIAL if is_first else TRIAL
        start = ["--init", str(options.output / "trials" / method.before)] if method.before else []
        start = [] if is_first else start
        run("train", *([] if is_first else [str(learn)]), "-o", str(trial), "--recipe", recipe,
            "--validation", "none", "--overwrite", "--training.steps", str(count),
            "--training.warmup", "0", *start)  # fmt: skip
        seconds = options.minutes * 60 / len(recipes)
        steps[recipe] = max(int(seconds / seconds_per_step(trial / "history.csv")), TRIAL)
    noted.parent.mkdir(parents=True, exist_ok=True)
    noted.write_text(json.dumps(steps))
    return steps


def train(options: argparse.Namespace, method: Method, learn: Path) -> None:
    """Train one method, unless that has been done."""
    steps = plan(options, method, learn)
    models = options.output / "models"
    start: list[str] = []
    if method.before:
        run("train", "-o", str(models / method.before), "--recipe", method.before, "--validation",
            "none", *_once(steps[method.before]))  # fmt: skip
        start = ["--init", str(models / method.before)]
    run("train", str(learn), "-o", str(models / method.recipe), "--recipe", method.recipe,
        "--validation", f"{options.tune}_twin", *_once(steps[method.recipe]), *start)  # fmt: skip


def measure(options: argparse.Namespace, method: Method, learn: Path, test: Path) -> Outcome:
    """Pick the held-out runs with one method, and score the picks of all of them together."""
    model = options.output / "models" / method.recipe
    detector = load_detector(model)
    runs = open_project(test).runs
    seconds, found = 0.0, []
    for truth in runs:
        started = time.perf_counter()
        picks = pick(truth.tomogram("denoised"), model=detector)
        seconds += time.perf_counter() - started
        found.append(replace(picks, run=truth.name))
    alone = [
        czii.score([picks], [truth.picks()], objects=CZII)
        for picks, truth in zip(found, runs, strict=True)
    ]
    result = reduce(add, alone)  # counts of all runs together
    network: Any = detector.network
    history = list(csv.DictReader((model / "history.csv").open()))
    return Outcome(
        method.recipe,
        plan(options, method, learn)[method.recipe],
        float(history[-1]["seconds"]),
        seconds / len(runs),
        sum(map(len, found)) / len(runs),
        sum(p.numel() for p in network.parameters()),
        {**result.f_beta, "weighted": result.weighted},
        plan(options, method, learn).get(method.before, 0),
        {truth.name: one.weighted for truth, one in zip(runs, alone, strict=True)},
    )


def _once(steps: int) -> list[str]:
    """Return the flags of a training of so many steps, validated at its end."""
    return ["--training.steps", str(steps), "--training.validate-every", str(steps)]


def table(outcomes: list[Outcome]) -> str:
    """Draw the table, best first."""
    names = [*CZII.names, "weighted"]
    heads = ["recipe", *names, "each run", "steps", "parameters", "s per tomogram", "picks/s"]
    lines = []
    for row in sorted(outcomes, key=lambda o: -o.scores["weighted"]):
        scores = [f"{row.scores[name]:.3f}" for name in names]
        each = ", ".join(f"{score:.3f}" for score in row.each.values())
        steps = f"{f'{row.pretrain_steps} + ' if row.pretrain_steps else ''}{row.steps}"
        size, speed = f"{row.parameters / 1e6:.2f} M", f"{row.picks / row.pick_seconds:.0f}"
        lines.append(
            [f"`{row.recipe}`", *scores, each, steps, size, f"{row.pick_seconds:.1f}", speed]
        )
    return markdown(heads, lines)


def main() -> None:
    """Do what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--picks", required=True)
    parser.add_argument("--train", default="TS_5_4,TS_69_2,TS_73_6")
    parser.add_argument("--tune", default="TS_86_3")
    parser.add_argument("--test", default="TS_99_9,TS_6_4,TS_6_6")
    parser.add_argument("--molecule", action="append", default=[])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--trials", action="store_true", help="only time the steps")
    options = parser.parse_args()
    learn, test = make_projects(options)
    wanted = [name for name in options.only.split(",") if name]
    methods = [method for method in METHODS if not wanted or method.recipe in wanted]
    for method in methods:  # all in one go: how fast the machine is must not change in between
        plan(options, method, learn)
    if options.trials:
        return
    for method in methods:
        train(options, method, learn)
    for method in methods:
        kept = options.output / "outcomes" / f"{method.recipe}.json"
        if kept.exists():
            continue
        outcome = measure(options, method, learn, test)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(asdict(outcome), indent=1))
        print(table([outcome]), flush=True)
    done = sorted((options.output / "outcomes").glob("*.json"))
    print(table([Outcome(**json.loads(path.read_text())) for path in done]))


if __name__ == "__main__":
    main()
