"""Which views, which ensemble, which picker: a campaign on simulated twins, thresholds out of fold.

    python benchmarks/strategies.py -o out/strategies --learn out/methods/learn/copick.json \
        --picks PICKS [--molecule ribosome=MAP@3500 ...] [--steps 200] [--model WEIGHTS]
        [--validation A,B,C,D] [--test E,F,G] [--shape 184 400 400]

``benchmarks/methods.py`` leaves the twins to learn from. A cross-validation of ``scout`` makes the
folds; then ``tomoscout campaign`` compares, on parts of fresh twins (all are at the corner of the
tomogram, to save time):

* groups of views, by one detector (``--model``); its thresholds come from the last validation run;
* ensembles, each with every picker, by the folds; each run tuned on is looked at by the fold that
  had it held out.

What is done is skipped when the script is started again.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from _tables import markdown

from tomoscout.core.objects import CZII
from tomoscout.core.picks import by_run
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.simulation.contents import Scene

VIEWS = ["none", "z_flip", "wedge_safe", "anisotropic", "d4z", "isotropic13", "isotropic"]
STRATEGIES = ["best_single", "kfold_ensemble", "ensemble_specialists"]
PICKERS = ["local_max", "components", "watershed", "mean_shift"]


def run(*words: str) -> None:
    """Run one verb in a process of its own."""
    print("tomoscout", *words, flush=True)
    subprocess.run([sys.executable, "-m", "tomoscout.cli", *words, "--quiet"], check=True)


def twins(options: argparse.Namespace, part: str, names: str, seed: int) -> Path:
    """Simulate parts of twins; return their project."""
    folder, chosen = options.output / part, options.output / f"{part}.csv"
    options.output.mkdir(parents=True, exist_ok=True)
    found = by_run(read_picks(options.picks, objects=CZII))
    edges = np.array(options.shape, int) * Scene().voxel_spacing
    parts = [found[name] for name in names.split(",")]
    write_picks([one[(one.zyx < edges).all(axis=1)] for one in parts], chosen, overwrite=True)
    molecules = [word for text in options.molecule for word in ("--molecule", text)]
    count = str(len(names.split(",")))
    where = ["--picks", str(chosen), "--seed", str(seed), "--runs", count, "--shape"]
    run("simulate", str(folder), "--preset", "czii-twin", *where, *options.shape, *molecules)
    return folder / "copick.json"


def campaign(options: argparse.Namespace, name: str, **settings: Any) -> list[dict[str, str]]:
    """Run a campaign; return its comparison with the seconds per tomogram."""
    file, folder = options.output / f"{name}.yaml", options.output / name
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    run("campaign", str(file), "-o", str(folder))
    with (folder / "comparison_times.csv").open() as text:
        times = {
            (row["experiment"], row["strategy"], row["tta"]): row["time_per_tomo"]
            for row in csv.DictReader(text)
        }
    with (folder / "comparison_summary.csv").open() as text:
        rows = list(csv.DictReader(text))
    return [
        row | {"seconds": times[row["experiment"], row["strategy"], row["tta"]]} for row in rows
    ]


def table(rows: list[dict[str, str]], keys: list[str]) -> str:
    """Draw a table, best first."""
    lines = []
    for row in rows:
        low, high = float(row["low_f4"]), float(row["high_f4"])
        numbers = [f"{float(row[key]):.3f}" for key in ("mean_f4", "std_f4", "pooled_f4")]
        seconds = f"{float(row['seconds']):.1f}"
        words = [f"`{row[key]}`" for key in keys]
        lines.append([*words, *numbers, f"{low:.3f} to {high:.3f}", seconds])
    return markdown([*keys, "F4, mean over folds", "±", "pooled", "95 %", "s per tomogram"], lines)


def main() -> None:
    """Do what is not done yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--learn", required=True)
    parser.add_argument("--picks", required=True)
    parser.add_argument("--molecule", action="append", default=[])
    parser.add_argument("--steps", default="200")
    parser.add_argument("--model")
    parser.add_argument("--validation", default="TS_5_4,TS_69_2,TS_73_6,TS_86_3")
    parser.add_argument("--test", default="TS_99_9,TS_6_4,TS_6_6")
    parser.add_argument("--shape", nargs=3, default=["184", "400", "400"])
    parser.add_argument("--only", choices=["views", "ensembles"])
    options = parser.parse_args()
    validation = {"project": str(twins(options, "validation", options.validation, 3))}
    test = {"project": str(twins(options, "test", options.test, 4))}
    folds = options.output / "crossval"
    if options.only != "views":
        half = str(int(options.steps) // 2)  # specialists are chosen among validations
        steps = ["--training.steps", options.steps, "--training.validate-every", half]
        run("crossval", options.learn, "-o", str(folds), *steps, "--training.specialists", "true")
        rows = campaign(
            options, "ensembles", experiments={"scout": str(folds)}, validation=validation,
            test=test, strategies=STRATEGIES, pickers=PICKERS, tuning=["thresholds"],
        )  # fmt: skip
        print(table(rows, ["strategy", "picker"]), flush=True)
    if options.only != "ensembles":
        last = f"{options.validation.split(',')[-1]}_twin"
        rows = campaign(
            options, "views", experiments={"scout": options.model or str(folds / f"fold_{last}")},
            validation=validation | {"runs": [last]}, test=test, tta=VIEWS, tuning=["thresholds"],
        )  # fmt: skip
        print(table(rows, ["tta"]), flush=True)


if __name__ == "__main__":
    main()
