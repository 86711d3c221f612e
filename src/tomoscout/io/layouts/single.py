"""One tomogram: a file or a zarr store, with pick files of its name beside it."""

from __future__ import annotations

from pathlib import Path

from tomoscout.core.objects import ObjectTable
from tomoscout.io.layouts._beside import pick_files, run_name
from tomoscout.io.project import DEFAULT_OBJECTS, Project, Run
from tomoscout.io.volumes import is_zarr, strip_suffix

RANK = 10


def matches(path: Path) -> bool:
    """Tell whether the path is a tomogram."""
    return is_zarr(path) or strip_suffix(path.name) is not None


def open_layout(
    path: Path, *, voxel_spacing: float | None = None, objects: ObjectTable | None = None
) -> Project:
    """Open the tomogram as a project of one run; its objects are as in a folder."""
    table = objects or DEFAULT_OBJECTS
    path = path.absolute()
    name = run_name(path.name)
    picks = pick_files(path.parent, [name])[name]
    run = Run(name, {"tomogram": path}, picks, table, voxel_spacing=voxel_spacing)
    return Project(path=path, layout="single", objects=table, runs=(run,))
