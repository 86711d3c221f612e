"""The picks of all finished runs, joined into one table of each kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tomoscout.io.picks import ReadHints, write_picks
from tomoscout.io.picks._read import read_runs


def write_tables(output: Path, facts: dict[str, Any]) -> None:
    """Join the copick files of a job's runs into ``picks.star`` and ``picks.csv``.

    Parameters
    ----------
    output
        Folder of the job, with ``ExperimentRuns`` in it.
    facts
        What the ledger knows of each finished run: its ``extent``, among others.
    """
    parts = [
        replace(found, extent=tuple(facts[found.run]["extent"]))
        for run in facts
        for found in read_runs(output / "ExperimentRuns" / run / "Picks", ReadHints(run=run))
    ]
    for name in ("picks.star", "picks.csv"):
        write_picks(parts, output / name)
