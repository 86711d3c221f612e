"""``tomoscout report``: one page of pictures and figures about picks, to look at and to send."""

from __future__ import annotations

import datetime
import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.io.project import Project
    from tomoscout.reporting.findings import ReportData, RunData


def report(
    picks: Path,
    project: Path,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    runs: str | None = None,
    kind: str | None = None,
    voxel_spacing: float | None = None,
    objects: Path | None = None,
    training: Path | None = None,
    candidates: Path | None = None,
    title: str | None = None,
    overwrite: bool = False,
) -> None:
    """Draw a page of pictures and figures about picks: one HTML file, to open in any browser.

    With truth in the project it shows scores, hits, misses and false alarms; without, the picks.

    Parameters
    ----------
    picks
        Pick file, or the folder that ``tomoscout pick`` wrote.
    project
        Project with the tomograms and, where known, the truth.
    output
        The page; ``report.html`` beside the picks when not given.
    runs
        Comma-separated names; the runs of the picks when not given.
    kind
        Kind of tomogram to show, such as denoised or wbp.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    training
        Training folder, for the training curves and the recipe.
    candidates
        Picks before thresholds, to draw the curves below the thresholds in use too; those
        beside the picks when not given.
    title
        Heading of the page.
    overwrite
        Replace a page that exists.
    """
    from tomoscout.commands._console import console, progress
    from tomoscout.commands._runs import split_names
    from tomoscout.core.errors import UserError
    from tomoscout.io._atomic import write_text
    from tomoscout.io.project import open_project
    from tomoscout.reporting.page import render

    target = output or (picks if picks.is_dir() else picks.parent) / "report.html"
    if candidates is None and (picks / "candidates").is_dir():
        candidates = picks / "candidates"
    if target.exists() and not overwrite:  # told before the work, not after it
        raise UserError(f"{target}: exists: pass --overwrite to replace it")
    opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    names = None if runs is None else split_names(runs)
    shown = _runs(opened, picks, candidates, names=names, kind=kind)
    command = _command(
        picks,
        project,
        {
            "output": output,
            "runs": runs,
            "kind": kind,
            "voxel-spacing": voxel_spacing,
            "objects": objects,
            "training": training,
            "candidates": candidates,
            "title": title,
        },
    )
    data = _gather(opened, shown, picks, training, title=title, command=command)
    with progress(100, "report") as bar:
        page = render(data, progress=bar.fraction)
    write_text(target, page, overwrite=overwrite)
    console.print(f"report: {target}", highlight=False)


def _runs(
    project: Project,
    picks: Path,
    candidates: Path | None,
    *,
    names: list[str] | None,
    kind: str | None,
) -> tuple[RunData, ...]:
    """Return the runs to show, each with its tomogram, picks and truth."""
    from tomoscout.commands._picks import picks_by_run
    from tomoscout.core.picks import Picks
    from tomoscout.reporting.findings import RunData

    wanted = project if names is None else project.select(names)
    read = partial(picks_by_run, project=wanted, objects=project.objects, runs=wanted.names)
    found = read(picks)
    before = None if candidates is None else read(candidates)
    chosen = [project[name] for name in (found if names is None else names)]
    return tuple(
        RunData(
            run.name,
            found.get(run.name, Picks.empty(run.name)),
            volume=run.tomogram(kind) if run.tomograms else None,
            truth=run.picks() if run.has_picks else None,
            candidates=None if before is None else before.get(run.name, Picks.empty(run.name)),
        )
        for run in chosen
    )


def _gather(
    project: Project,
    runs: tuple[RunData, ...],
    picks: Path,
    training: Path | None,
    *,
    title: str | None,
    command: str,
) -> ReportData:
    """Add what the folders of picks and of training say."""
    from tomoscout.commands._versions import versions
    from tomoscout.core.settings import read_yaml
    from tomoscout.reporting.findings import ReportData
    from tomoscout.reporting.training_curves import read_history

    used = _ledger(picks)
    settings: dict[str, Any] = {"pick": used} if used else {}
    history = None
    if training is not None:
        logs = [training / name for name in ("history.csv", "metrics.csv")]
        history = read_history(next((log for log in logs if log.is_file()), logs[0]))
        if (training / "recipe.yaml").is_file():
            settings |= read_yaml(training / "recipe.yaml")
    name = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
    return ReportData(
        title=title or f"Picks of {name}",
        objects=project.objects,
        runs=runs,
        thresholds=used.get("thresholds"),
        history=history,
        settings=settings,
        versions={name: found for name, found in versions().items() if found},
        command=command,
        made=datetime.date.today().isoformat(),
    )


def _ledger(picks: Path) -> dict[str, Any]:
    """Return the settings that ``pick`` noted beside its picks; nothing for other picks."""
    path = (picks if picks.is_dir() else picks.parent) / "pick.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _command(picks: Path, project: Path, options: dict[str, object]) -> str:
    """Return what to type to make the page again."""
    given = [(f"--{name}", str(value)) for name, value in options.items() if value is not None]
    words = ["tomoscout", "report", str(picks), str(project), *(w for pair in given for w in pair)]
    return shlex.join([*words, "--overwrite"])
