"""Fine-tune the shipped weights for some minutes, beside a training from scratch as long.

    python benchmarks/finetune.py -o out/finetune --picks PICKS --train A,B,C --test D \
        [--molecule ribosome=MAP@3500 ...]

Makes twins (preset ``czii-twin``) of four runs of PICKS, trains on three of them, with weights and
thresholds chosen on the first of those, and scores the fourth, which stands at other positions.
Both trainings get the same time on the clock: steps are set from a short trial.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

from tomoscout.cli import main as tomoscout
from tomoscout.core.objects import CZII
from tomoscout.core.picks import by_run
from tomoscout.io.picks import read_picks, write_picks

TRIAL = 20  # steps


def run(*arguments: str) -> float:
    """Run one verb and return its seconds."""
    started = time.perf_counter()
    print("tomoscout", *arguments, flush=True)
    if code := tomoscout(arguments):
        raise SystemExit(code)
    return time.perf_counter() - started


def per_step(history: Path) -> float:
    """Return the seconds of a step, from the second half of a trial's log."""
    rows = [row for row in csv.DictReader(history.open()) if row["loss"]]
    (a, first), (b, last) = ((int(r["step"]), float(r["seconds"])) for r in (rows[0], rows[-1]))
    return (last - first) / (b - a)


def main() -> None:
    """Simulate the twins, train twice, score twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--picks", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--molecule", action="append", default=[])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--init", default="czii-sim")
    options = parser.parse_args()
    molecules = [word for text in options.molecule for word in ("--molecule", text)]
    found = by_run(read_picks(options.picks, objects=CZII))
    projects = []
    for part, names, seed in (("train", options.train.split(","), 1), ("test", [options.test], 2)):
        chosen = options.output / f"{part}.csv"
        options.output.mkdir(parents=True, exist_ok=True)
        write_picks([found[name] for name in names], chosen, overwrite=True)
        folder = options.output / part
        run("simulate", str(folder), "--preset", "czii-twin", "--picks", str(chosen),
            "--seed", str(seed), "--runs", str(len(names)), *molecules)  # fmt: skip
        projects.append(str(folder / "copick.json"))
    config, held_out = projects
    validation = f"{options.train.split(',')[0]}_twin"
    scores = {}
    for label, start in (("fine-tuned", ["--init", options.init]), ("from scratch", [])):
        recipe = ["--recipe", "finetune" if start else "scout", *start]
        model, picks = (options.output / f"{part}-{label}" for part in ("model", "picks"))
        trial = options.output / f"trial-{label}"
        common = ["--validation", validation, *recipe]
        run("train", config, "-o", str(trial), *common, "--training.steps", str(TRIAL),
            "--training.validate-every", str(TRIAL))  # fmt: skip
        steps = int(options.minutes * 60 / per_step(trial / "history.csv"))
        seconds = run("train", config, "-o", str(model), *common, "--training.steps", str(steps),
                      "--training.validate-every", str(max(steps // 2, 1)))  # fmt: skip
        run("pick", held_out, "--model", str(model), "-o", str(picks))
        run("evaluate", str(picks), held_out)
        scores[label] = (steps, seconds)
    for label, (steps, seconds) in scores.items():
        print(f"{label}: {steps} steps, {seconds:.0f} s with reading and validation")


if __name__ == "__main__":
    main()
