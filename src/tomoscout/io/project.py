"""Projects: runs with their tomograms and picks, wherever and however they are stored.

`open_project` recognises the layout; everything behind it looks the same. Nothing but names is
read until a tomogram or its picks are asked for, so a project of thousands of runs opens at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import CZII, ObjectTable, read_objects
from tomoscout.io.layouts import LAYOUTS
from tomoscout.io.run import Run

__all__ = ["DEFAULT_OBJECTS", "Project", "Run", "open_project"]

DEFAULT_OBJECTS = CZII
"""The table of projects that bring none."""


@dataclass(frozen=True)
class Project:
    """Runs that are looked at together.

    Attributes
    ----------
    path
        What was opened.
    layout
        Name of the layout it has.
    objects
        The objects its picks may name.
    runs
        The runs; their names differ.
    """

    path: Path
    layout: str
    objects: ObjectTable
    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        names = self.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(f"{self.path}: run names must differ, found twice: {', '.join(twice)}")

    @property
    def names(self) -> list[str]:
        """Names of the runs."""
        return [run.name for run in self.runs]

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, name: str) -> Run:
        """Return the run called ``name``; an unknown one raises and names the nearest."""
        for run in self.runs:
            if run.name == name:
                return run
        shown = ", ".join(self.names[:10]) + (" ..." if len(self) > 10 else "")
        raise UserError(
            f"{self.path}: no run '{name}': found {shown}.{did_you_mean(name, self.names)}"
        )

    def select(self, names: Iterable[str]) -> Project:
        """Return the project with these runs only, in the order given."""
        return replace(self, runs=tuple(self[name] for name in dict.fromkeys(names)))


def open_project(
    path: str | PathLike[str],
    *,
    voxel_spacing: float | None = None,
    objects: str | PathLike[str] | None = None,
) -> Project:
    """Open a project, whatever its layout.

    Layouts are tried in this order: a copick configuration (``.json``, or a folder with
    ``copick.json``), the folder of the CZII challenge on Kaggle (its root, ``train``, ``test``,
    or what holds ``static`` and ``overlay``), SHREC's data (``model_0`` and so on, or one of
    them), a folder of tomograms, one tomogram.

    Parameters
    ----------
    path
        File or folder.
    voxel_spacing
        Edge of a voxel in ångström. Files of a folder then have this one, whatever they say;
        a copick tree is read at the spacing nearest to it.
    objects
        Table of objects (YAML, or a copick configuration), instead of the project's own or of
        the CZII challenge's.

    Raises
    ------
    UserError
        If nothing is there, or nothing that looks like a project, or the voxel spacing is not
        above 0.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if voxel_spacing is not None and not 0 < voxel_spacing < math.inf:
        raise UserError(f"{path}: --voxel-spacing must be above 0 Å, found {voxel_spacing:g}")
    table = _read_table(Path(objects)) if objects is not None else None
    layouts = sorted((LAYOUTS[name] for name in LAYOUTS.names()), key=lambda layout: layout.RANK)
    for layout in layouts:
        if layout.matches(path):
            return layout.open_layout(path, voxel_spacing=voxel_spacing, objects=table)
    if path.suffix.lower() == ".json":
        raise UserError(
            f"{path}: not a copick configuration: no 'pickable_objects' in it; give the "
            "project's configuration or folder, or a tomogram"
        )
    raise UserError(
        f"{path}: no project found: looked for a copick configuration (.json), a folder with "
        "train, test, static, overlay or ExperimentRuns in it, SHREC's model_0 and so on, and "
        "tomograms (.mrc, .rec, .map, .zarr)"
    )


def _read_table(path: Path) -> ObjectTable:
    """Read the user's own table of objects."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return read_objects(path)
