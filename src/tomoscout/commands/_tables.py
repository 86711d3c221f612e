"""The end of a job that picks: its tables, and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tomoscout.commands._console import console
from tomoscout.core.errors import UserError
from tomoscout.io.picks import ReadHints, write_picks
from tomoscout.io.picks._read import read_runs


def conclude(
    output: Path,
    facts: Mapping[str, Any],
    runs: Sequence[str],
    failed: Sequence[str],
    *,
    submission: bool = False,
) -> None:
    """Join the copick files of a job's runs into ``picks.star`` and ``picks.csv``, and say so.

    Parameters
    ----------
    output
        Folder of the job, with ``ExperimentRuns`` in it.
    facts
        What the ledger knows of each finished run: its ``extent`` and its ``picks`` per object.
    runs
        Names of the runs that were asked for.
    failed
        What went wrong, a line per run.
    submission
        Whether to write ``submission.csv`` too, with exactly the columns of the CZII challenge.

    Raises
    ------
    UserError
        If a run failed: only now, when the others are safe.
    """
    if facts:
        written = _write_tables(output, facts, submission=submission)
    for name in runs:
        if name in facts:
            counts = facts[name]["picks"].items()
            counted = "  ".join(f"{found} {count}" for found, count in counts)
            console.print(f"{name}: {counted}", highlight=False)
    if facts:
        console.print(f"picks: {', '.join(map(str, written))}", highlight=False)
    if failed:
        raise UserError(f"{len(failed)} of {len(runs)} runs failed; the first: {failed[0]}")


def _write_tables(output: Path, facts: Mapping[str, Any], *, submission: bool) -> list[Path]:
    """Write the tables; return where they are."""
    parts = [
        replace(found, extent=tuple(facts[found.run]["extent"]))
        for run in facts
        for found in read_runs(output / "ExperimentRuns" / run / "Picks", ReadHints(run=run))
    ]
    names = ["picks.star", "picks.csv", *(["submission.csv"] if submission else [])]
    for name in names:
        write_picks(parts, output / name, kaggle=name == "submission.csv")
    return [output / name for name in names]
