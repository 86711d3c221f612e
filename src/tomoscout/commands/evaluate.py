"""``tomoscout evaluate``: score picks against the truth, as the challenge does and strictly."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.table import Table

    from tomoscout.core.picks import Picks
    from tomoscout.io.project import Project
    from tomoscout.metrics import Counts, Result


def evaluate(
    picks: Path,
    truth: Path,
    *,
    voxel_spacing: float | None = None,
    objects: Path | None = None,
    runs: str | None = None,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    overwrite: bool = False,
) -> None:
    """Score picks against the truth, per object and over all of them.

    The score is that of the CZII challenge (F4 within half a radius); a stricter one, in which
    every pick and every particle has one partner at most, stands beside it.

    Parameters
    ----------
    picks
        Pick file, a folder of them, or the folder that ``tomoscout pick`` wrote.
    truth
        Project with annotated runs, or a pick file or folder.
    voxel_spacing
        Edge of a voxel in Å, where the truth's tomograms do not say.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    runs
        Comma-separated runs to score, also those without picks; those of the picks by default.
    output
        Folder for evaluation.json and evaluation.csv.
    overwrite
        Replace these files.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._picks import open_truth, picks_by_run
    from tomoscout.commands._runs import split_names
    from tomoscout.core.errors import UserError
    from tomoscout.core.picks import by_run
    from tomoscout.metrics import czii, one_to_one

    targets = [output / name for name in ("evaluation.json", "evaluation.csv")] if output else []
    for target in targets:
        if target.exists() and not overwrite:
            raise UserError(f"{target}: exists: pass --overwrite to replace it")
    project, table, parts = open_truth(truth, voxel_spacing=voxel_spacing, objects=objects)
    known = by_run(parts)
    annotated = list(known) if project is None else _annotated(project)
    wanted = None if runs is None else split_names(runs)
    found = picks_by_run(picks, project, table, runs=wanted or annotated)
    if annotated == [""] and len(found) == 1:  # the truth names no run: it is that of the picks
        annotated = list(found)
        known = dict(zip(annotated, known.values(), strict=True))
    chosen = _choose(wanted, annotated, list(found), picks=picks, truth=truth)
    if project is not None:
        known = {name: project[name].picks() for name in chosen}
    scored = [found[name] for name in chosen if name in found]
    expected: list[Picks] = [known[name] for name in chosen]
    results = {
        "czii": czii.score(scored, expected, objects=table),
        "one-to-one": one_to_one.score(scored, expected, objects=table),
    }
    console.print(_table(results))
    left_out = [name for name in annotated if name not in chosen]
    for remark in _remarks(results["czii"], left_out):
        console.print(remark, highlight=False, markup=False)
    if output is not None:
        _write(output, results, {"picks": str(picks), "truth": str(truth), "left_out": left_out})
        console.print(f"evaluation: {targets[0]}, {targets[1]}", highlight=False, markup=False)


def _annotated(project: Project) -> list[str]:
    """Names of the runs that have picks, or an error when none has."""
    from tomoscout.core.errors import UserError

    names = [run.name for run in project.runs if run.has_picks]
    if not names:
        raise UserError(
            f"{project.path}: none of its {len(project)} runs has picks to compare with"
        )
    return names


def _choose(
    wanted: list[str] | None, annotated: list[str], found: list[str], *, picks: Path, truth: Path
) -> list[str]:
    """Return the runs to score: those asked for, or else those that both sides have."""
    from tomoscout.core.errors import UserError, did_you_mean

    for name in wanted or []:
        if name not in annotated:
            raise UserError(
                f"{truth}: no truth for run '{name}': it has {', '.join(annotated[:10])}."
                + did_you_mean(name, annotated)
            )
    chosen = wanted or [name for name in annotated if name in found]
    if not found:
        raise UserError(f"{picks}: holds no picks: to count all as missed, name runs with --runs")
    if not chosen:
        raise UserError(
            f"{picks}: no run in common with {truth}: the picks are of "
            f"{', '.join(found[:5]) or 'no run'}, the truth is of {', '.join(annotated[:5])}"
        )
    return chosen


def _table(results: dict[str, Result]) -> Table:
    """Lay the scores out for the terminal."""
    from rich.table import Table

    loose, strict = results["czii"], results["one-to-one"]
    n = len(loose.runs)
    title = f"{n} runs" if n > 1 else f"run {next(iter(loose.runs)) or 'without a name'}"
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    table.add_column("object", footer="weighted", no_wrap=True)
    for head in ("tp", "fp", "fn", "precision", "recall"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column(f"F{loose.beta:g}", f"{loose.weighted:.3f}", justify="right", no_wrap=True)
    table.add_column("strict", f"{strict.weighted:.3f}", justify="right", no_wrap=True)
    table.add_column("off by Å", justify="right", no_wrap=True)
    table.show_footer = True
    table.footer_style = "bold"
    for name, counts in loose.counts.items():
        whole = [str(value) for value in (counts.tp, counts.fp, counts.fn)]
        ratios = (counts.precision, counts.recall, loose.f_beta[name], strict.f_beta[name])
        off = "" if counts.error is None else f"{counts.error:.1f}"
        table.add_row(name, *whole, *(f"{value:.3f}" for value in ratios), off)
    return table


def _remarks(result: Result, left_out: list[str]) -> list[str]:
    """Say what a reader of the scores must know."""
    remarks = [
        "strict: each pick and each particle has one partner at most; off by: median over the hits"
    ]
    weights = {entry.name: entry.weight for entry in result.objects.each()}
    if absent := [name for name in result.absent if weights[name]]:
        remarks.append(
            f"not in the truth: {', '.join(absent)}; as in the challenge such objects score 0 and "
            "keep their weight"
        )
    if left_out:
        shown = ", ".join(left_out[:5]) + (" ..." if len(left_out) > 5 else "")
        remarks.append(
            f"not scored: {shown} (no picks, or not chosen; name runs with --runs to count them)"
        )
    return remarks


def _write(output: Path, results: dict[str, Result], facts: dict[str, Any]) -> None:
    """Write the scores as JSON, and the counts per run and object as CSV."""
    from tomoscout import __version__
    from tomoscout.io._atomic import write_json, write_text

    content = {
        "tomoscout": __version__,
        **facts,
        "runs": list(results["czii"].runs),
        "beta": results["czii"].beta,
        "scores": {
            metric: {
                "weighted": result.weighted,
                "absent": result.absent,
                "objects": {n: _facts(c, result.beta) for n, c in result.counts.items()},
            }
            for metric, result in results.items()
        },
    }
    rows = [
        {"metric": metric, "run": run, "object": name, **_facts(counts, result.beta)}
        for metric, result in results.items()
        for run, objects in result.runs.items()
        for name, counts in objects.items()
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_json(output / "evaluation.json", content, overwrite=True)
    write_text(output / "evaluation.csv", text.getvalue(), overwrite=True)


def _facts(counts: Counts, beta: float) -> dict[str, float | int | None]:
    """Return counts and ratios by name."""
    return {
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "precision": counts.precision,
        "recall": counts.recall,
        "f_beta": counts.f_beta(beta),
        "error_angstrom": counts.error,
    }
