"""Picks and truth as the verbs are given them: files, folders of ``pick``, projects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII, ObjectTable, read_objects
from tomoscout.core.picks import Picks, by_run
from tomoscout.io.layouts import LAYOUTS
from tomoscout.io.picks import read_picks
from tomoscout.io.picks._formats import NotPicksError
from tomoscout.io.project import Project, open_project

LEDGERS = tuple(
    f"{verb}.json" for verb in ("pick", "link", "merge", "classify", "find", "discover")
)
"""Files beside picks in which the verbs that write some note the runs they have done."""


class Lattices(Mapping[str, Geometry]):
    """The lattice of each run, looked up when asked for: opening 500 tomograms takes a while."""

    def __init__(self, project: Project) -> None:
        self._runs = {run.name: run for run in project.runs if run.tomograms}

    def __getitem__(self, name: str) -> Geometry:
        geometry = self._runs[name].geometry
        if geometry is None:  # never: these runs have a tomogram
            raise KeyError(name)
        return geometry

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)


def open_truth(
    path: Path, *, voxel_spacing: float | None, objects: Path | None
) -> tuple[Project | None, ObjectTable, list[Picks]]:
    """Open what says where particles are: a project, or a pick file or a folder of them.

    Returns
    -------
    tuple
        The project (None for pick files), its objects, and the pick files' picks (empty for a
        project, whose picks are read run by run).
    """
    if not path.exists() or is_project(path):
        project = open_project(path, voxel_spacing=voxel_spacing, objects=objects)
        return project, project.objects, []
    if objects is not None and not objects.is_file():
        raise UserError(f"{objects}: no such file")
    table = CZII if objects is None else read_objects(objects)
    return None, table, read_picks(one_format(path), objects=table)


def picks_by_run(
    path: Path, project: Project | None, objects: ObjectTable | None, *, runs: list[str]
) -> dict[str, Picks]:
    """Read picks, keyed by run; a file that names no run is of the only one in ``runs``.

    Without a table of ``objects`` any name will do.

    ``runs`` are those of the truth, ``[""]`` when the truth names no run either. Every run that a
    folder of ``tomoscout pick`` lists as done is in the result, also one without a single pick.
    """
    source = one_format(path)
    lattices = None if project is None else Lattices(project)
    read = partial(read_picks, source, geometry=lattices, objects=objects)
    try:
        parts = read()
    except NotPicksError:  # some formats must name the run; told it, they can do without
        if len(runs) != 1:
            raise
        parts = read(run=runs[0])
    if len(runs) == 1 and [part.run for part in parts] == [""]:
        parts = read(run=runs[0])
    found = by_run(parts)
    if "" in found and runs != [""]:
        if len(found[""]):
            raise UserError(
                f"{source}: does not say which run its picks belong to: choose one with --runs, "
                f"of {', '.join(runs[:10])}"
            )
        del found[""]
    return found | {run: Picks.empty(run) for run in _runs_done(path) if run not in found}


def given_picks(
    path: Path,
    project: Project,
    objects: ObjectTable | None,
    *,
    flag: str,
    voxel_spacing: float | None = None,
    table: Path | None = None,
    searched: bool = False,
) -> dict[str, Picks]:
    """Read the picks that a flag gives for a project's tomograms, keyed by run.

    Parameters
    ----------
    path
        Pick file, folder of picks, or a project with picks.
    project
        All picks must be of runs of it.
    objects
        What picks may be of; None takes any name.
    flag
        How the path was given, for messages.
    voxel_spacing, table
        What the user says of voxels and objects, for a project with picks (see `open_project`).
    searched
        Keep the runs of the project that were searched in vain, as far as it is known; without it
        none is empty.

    Raises
    ------
    UserError
        If there are no picks, or some of a run that the project does not have.
    """
    if not path.exists():
        raise UserError(
            f"{flag} {path}: no such file or folder: give picks, or a project with some"
        )
    if is_project(path) and not _is_written(path):
        other = open_project(path, voxel_spacing=voxel_spacing, objects=table)
        found = {run.name: run.picks() for run in other.runs if run.has_picks}
    else:
        found = picks_by_run(path, project, objects, runs=list(project.names))
    given = {run: picks for run, picks in found.items() if len(picks)}
    if not given:
        raise UserError(f"{flag} {path}: no picks in it")
    if strangers := sorted(set(given) - set(project.names)):
        raise UserError(
            f"{flag} {path}: picks of run '{strangers[0]}', which the project does not have "
            f"(it has {', '.join(list(project.names)[:10])})"
        )
    return {run: found[run] for run in project.names if run in (found if searched else given)}


def is_project(path: Path) -> bool:
    """Tell a project from picks; JSON can be either."""
    return any(LAYOUTS[name].matches(path) for name in LAYOUTS.names())


def _is_written(path: Path) -> bool:
    """Tell a folder that a verb wrote picks into, which looks like a Kaggle folder too."""
    return any((path / ledger).is_file() for ledger in LEDGERS)


def one_format(path: Path) -> Path:
    """Return one file of a folder of ``pick``, which holds the same picks in several formats."""
    table = path / "picks.csv"
    return table if table.is_file() else path


def _runs_done(path: Path) -> list[str]:
    """Return the runs that ``pick`` and its like noted as done beside their picks."""
    folder = path if path.is_dir() else path.parent
    done: list[str] = []
    for ledger in LEDGERS:
        try:
            content: Any = json.loads((folder / ledger).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        runs = content.get("runs") if isinstance(content, dict) else None
        done += list(runs) if isinstance(runs, dict) else []
    return done
