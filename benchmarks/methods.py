"""Train every method for the same time on the same simulated tomograms, and score them alike.

    python benchmarks/methods.py -o out/methods --picks PICKS [--molecule ribosome=MAP@3500 ...]
        [--train A,B,C] [--tune D] [--test E] [--minutes 10] [--only scout,deepfinder2]

Makes twins (preset ``czii-twin``, all four kinds of tomogram) of runs of PICKS: some to train on,
one whose picks say the thresholds and which weights are kept, one that nothing has seen. Each
recipe trains for the same minutes on the clock, with steps set from a short trial, so that its
learning rate ends where it should; reading the tomograms and the one validation at the end come
on top. What is done is skipped when the script is started again; the table is printed each time.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tomoscout.cli import main as tomoscout
from tomoscout.core.objects import CZII
from tomoscout.core.picks import by_run
from tomoscout.inference.weights import load_detector
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.project import open_project
from tomoscout.metrics import czii

TRIAL = 24  # steps; the second half of them is timed


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
    Method("token-finetune-cpu", before="token-pretrain-cpu"),
    Method("slice-detector"),
)


@dataclass(frozen=True)
class Outcome:
    """What one method reached."""

    recipe: str
    steps: int
    train_seconds: float
    pick_seconds: float
    picks: int
    parameters: int
    scores: dict[str, float]


def run(*arguments: str) -> float:
    """Run one verb and return its seconds."""
    started = time.perf_counter()
    print("tomoscout", *arguments, flush=True)
    if code := tomoscout([*arguments, "--quiet"]):
        raise SystemExit(code)
    return time.perf_counter() - started


def make_projects(options: argparse.Namespace) -> tuple[Path, Path]:
    """Simulate the twins; return the project to train and tune on, and the one to test on."""
    found = by_run(read_picks(options.picks, objects=CZII))
    molecules = [word for text in options.molecule for word in ("--molecule", text)]
    made = []
    for part, names, seed in (
        ("learn", [*options.train.split(","), options.tune], 1),
        ("test", [options.test], 2),
    ):
        folder, chosen = options.output / part, options.output / f"{part}.csv"
        if not (folder / "copick.json").exists():
            options.output.mkdir(parents=True, exist_ok=True)
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


def train(options: argparse.Namespace, recipe: str, project: Path | None, *more: str) -> int:
    """Train a recipe for its time; return how many steps that were."""
    model = options.output / "models" / recipe
    noted = options.output / "models" / f"{recipe}.steps"
    minutes = (
        options.minutes / 2 if recipe == "token-finetune-cpu" or not project else (options.minutes)
    )
    where = [str(project)] if project else []
    if not noted.exists():
        trial = options.output / "trials" / recipe
        run("train", *where, "-o", str(trial), "--recipe", recipe, "--validation", "none",
            "--overwrite", "--training.steps", str(TRIAL), "--training.warmup", "0",
            *more)  # fmt: skip
        steps = max(int(minutes * 60 / seconds_per_step(trial / "history.csv")), TRIAL)
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(str(steps))
    steps = int(noted.read_text())
    validation = f"{options.tune}_twin" if project else "none"
    run("train", *where, "-o", str(model), "--recipe", recipe, "--validation", validation,
        "--training.steps", str(steps), "--training.validate-every", str(steps), *more)  # fmt: skip
    return steps


def measure(options: argparse.Namespace, method: Method, learn: Path, test: Path) -> Outcome:
    """Train one method, pick the held-out run with it, and score the picks."""
    more: list[str] = []
    if method.before:
        train(options, method.before, None)
        more = ["--init", str(options.output / "models" / method.before)]
    steps = train(options, method.recipe, learn, *more)
    model, picks = (options.output / part / method.recipe for part in ("models", "picks"))
    seconds = run("pick", str(test), "--model", str(model), "-o", str(picks), "--overwrite")
    truth = open_project(test).runs[0].picks()
    found = read_picks(picks / "picks.csv", objects=CZII)
    result = czii.score(found, truth, objects=CZII)
    network = load_detector(model).network
    history = list(csv.DictReader((model / "history.csv").open()))
    return Outcome(
        method.recipe,
        steps,
        float(history[-1]["seconds"]),
        seconds,
        len(found),
        sum(p.numel() for p in network.parameters()),
        {**result.f_beta, "weighted": result.weighted},
    )


def table(outcomes: list[Outcome]) -> str:
    """Draw the table, best first."""
    names = [*CZII.names, "weighted"]
    lines = ["| recipe | " + " | ".join(names) + " | steps | parameters | s per tomogram |"]
    lines.append("| --- " * (len(names) + 4) + "|")
    for row in sorted(outcomes, key=lambda o: -o.scores["weighted"]):
        scores = " | ".join(f"{row.scores[name]:.3f}" for name in names)
        lines.append(
            f"| `{row.recipe}` | {scores} | {row.steps} | {row.parameters / 1e6:.2f} M | "
            f"{row.pick_seconds:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Do what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--picks", required=True)
    parser.add_argument("--train", default="TS_5_4,TS_69_2,TS_73_6")
    parser.add_argument("--tune", default="TS_86_3")
    parser.add_argument("--test", default="TS_99_9")
    parser.add_argument("--molecule", action="append", default=[])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    learn, test = make_projects(options)
    wanted = [name for name in options.only.split(",") if name]
    for method in METHODS:
        kept = options.output / "outcomes" / f"{method.recipe}.json"
        if kept.exists() or (wanted and method.recipe not in wanted):
            continue
        outcome = measure(options, method, learn, test)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(asdict(outcome), indent=1))
        print(table([outcome]), flush=True)
    done = sorted((options.output / "outcomes").glob("*.json"))
    print(table([Outcome(**json.loads(path.read_text())) for path in done]))


if __name__ == "__main__":
    main()
