"""A folder of tomograms, with pick files beside them.

A run is named after its tomogram without ``rec_`` (RELION) and ``_10.00Apx`` (Warp). Its picks
are in ``<run>.star`` (or .csv, .ndjson, .json), ``<run>_<object>.ndjson``, or in one ``picks.csv``
or ``picks.star`` for all.
"""

from __future__ import annotations

from pathlib import Path

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.io.layouts._beside import pick_files, run_name
from tomoscout.io.project import DEFAULT_OBJECTS, Project, Run
from tomoscout.io.volumes import strip_suffix

RANK = 30


def matches(path: Path) -> bool:
    """Tell whether there is a tomogram in the folder."""
    return path.is_dir() and bool(_tomograms(path))


def open_layout(
    path: Path, *, voxel_spacing: float | None = None, objects: ObjectTable | None = None
) -> Project:
    """Open the folder; without a table, its objects are those of the CZII challenge."""
    table = objects or DEFAULT_OBJECTS
    tomograms: dict[str, Path] = {}
    for file in _tomograms(path):
        name = run_name(file.name)
        if name in tomograms:
            raise UserError(
                f"{path}: run names must differ, found '{name}' twice: "
                f"{tomograms[name].name} and {file.name}: move one of them elsewhere"
            )
        tomograms[name] = file
    picks = pick_files(path, tomograms)
    runs = (
        Run(name, {"tomogram": file}, picks[name], table, voxel_spacing=voxel_spacing)
        for name, file in sorted(tomograms.items())
    )
    return Project(path=path, layout="folder", objects=table, runs=tuple(runs))


def _tomograms(path: Path) -> list[Path]:
    """Return the tomograms in a folder, sorted."""
    return [
        p for p in sorted(path.iterdir()) if p.name[0] != "." and strip_suffix(p.name) is not None
    ]
