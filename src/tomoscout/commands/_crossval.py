"""The summary of a cross-validation: a table to read, and files to keep."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

from tomoscout import __version__
from tomoscout.io._atomic import write_json, write_text
from tomoscout.tuning.out_of_fold import OutOfFold

TOTAL = "weighted"


def summarise_folds(result: OutOfFold) -> str:
    """Lay the scores out as a table for reading."""
    rows = _rows(result)
    width = max(len(row["object"]) for row in rows)
    folds = f"mean of {len(result.folds)} folds"
    head = f"{'object':{width}}     tp     fp     fn  pooled F4  {folds:15}  95 % interval"
    lines = [head]
    for row in rows:
        counts = "  ".join(
            f"{row[key]:5d}" if key in row else " " * 5 for key in ("tp", "fp", "fn")
        )
        lines.append(
            f"{row['object']:{width}}  {counts}  {_told(row['pooled']):>9}  "
            f"{_told(row['mean']) + ' ± ' + _told(row['std']):15}  {_span(row['low'], row['high'])}"
        )
    return "\n".join(lines)


def write_summary(output: Path, result: OutOfFold, *, recipe: str) -> None:
    """Write ``crossval.json`` and ``crossval.csv``; an older summary is replaced."""
    rows = _rows(result)
    content = {
        "tomoscout": __version__,
        "recipe": recipe,
        "summary": rows,
        "folds": {
            name: {
                "runs": list(fold.runs),
                "thresholds": dict(result.thresholds[name]),
                "f4": {n: f for n, f in fold.f_beta.items() if n not in fold.absent},
            }
            for name, fold in result.folds.items()
        },
        "thresholds_for_new_tomograms": dict(result.final),
    }
    text = io.StringIO()
    columns = ["object", "tp", "fp", "fn", "pooled", "mean", "std", "low", "high"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_json(output / "crossval.json", content, overwrite=True)
    write_text(output / "crossval.csv", text.getvalue(), overwrite=True)


def _rows(result: OutOfFold) -> list[dict[str, Any]]:
    """Return a row per object, and one for all; what cannot be told is None."""
    pooled = result.pooled
    rows: list[dict[str, Any]] = [
        {"object": name, "tp": c.tp, "fp": c.fp, "fn": c.fn, "pooled": c.f_beta(pooled.beta)}
        for name, c in pooled.counts.items()
    ]
    is_scored = any(entry.weight for entry in pooled.objects.each())
    rows.append({"object": TOTAL, "pooled": pooled.weighted if is_scored else None})
    intervals = result.intervals().intervals
    for row in rows:
        row["low"], row["high"] = intervals.get(row["object"], (None, None))
        mean, std = result.spread(row["object"])
        row["mean"], row["std"] = (None, None) if math.isnan(mean) else (mean, std)
    return rows


def _told(value: float | None) -> str:
    """Write a score, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def _span(low: float | None, high: float | None) -> str:
    """Write an interval, or a dash."""
    return "-" if low is None or high is None else f"{low:.3f} to {high:.3f}"
