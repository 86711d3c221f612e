"""Reading picks from a file of any format, or from a folder of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks, by_run
from tomoscout.io.picks._formats import NotPicksError, format_of, suffixes
from tomoscout.io.picks._gather import authors, pick_files
from tomoscout.io.picks._hints import Centre, ReadHints
from tomoscout.io.picks._names import as_in

logger = logging.getLogger(__name__)

_FIRST = ("copick", "csv")  # need no geometry: readable whatever we know
_TABLES = ("picks", "particles", "submission")  # stems of tables that hold the picks of all runs


def read_picks(
    path: str | PathLike[str],
    *,
    geometry: Geometry | Mapping[str, Geometry] | None = None,
    run: str | None = None,
    objects: ObjectTable | None = None,
    format: str | None = None,
    object_name: str | None = None,
    pixel_size: float | None = None,
    centre: Centre = "half",
    voxel_spacing: float | None = None,
) -> list[Picks]:
    """Read the picks of a file, or of a folder's files joined by run; one `Picks` per run.

    Parameters
    ----------
    path
        A file, a folder of pick files, or a copick tree (an overlay, a project, one run).
        Tables ``picks.csv`` and ``picks.star`` beside picks of another format are passed by:
        `tomoscout pick` writes the same picks in all three.
    geometry
        Lattice of the tomogram, or one per run name. Files that count voxels or from the centre
        need it; with it, picks know their tomogram's extent in every format.
    run
        The run wanted: it names picks whose file names no run, and drops those of others.
    objects
        The project's objects; any other name is then an error.
    format
        Name of a format, for files with a suffix of another one.
    object_name
        Name of the particles of a file that names none (ndjson, foreign STAR files).
    pixel_size
        Unbinned pixel of the tilt series, in ångström, for RELION files without it.
    centre
        Definition of the centre that a RELION 5 file was written with.
    voxel_spacing
        Edge of a voxel in ångström, for ndjson when there is no geometry.

    Raises
    ------
    UserError
        If there is no such file, it cannot be parsed, or it needs something that is missing.
    """
    path = Path(path)
    hints = ReadHints(geometry, run, object_name, objects, pixel_size, centre, voxel_spacing)
    runs = read_runs(path, hints, format=format)
    if not any(map(len, runs)):
        logger.warning("%s: holds no picks", path)
    elif run is not None and run not in (found := [part.run for part in runs]):
        logger.warning(
            "%s: holds no picks of run '%s', only of %s", path, run, ", ".join(found[:5])
        )
    runs = [part for part in runs if run in (None, part.run)]
    if not runs:
        return [Picks.empty(run or "", hints.extent_of(run or ""))]
    for part in runs:
        _warn_outside(path, part, hints.geometry_of(part.run))
    return runs


def read_runs(path: Path, hints: ReadHints, *, format: str | None = None) -> list[Picks]:
    """Read every run of a file or folder, also those that are not wanted, and remark on nothing."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    parts = _read_folder(path, format, hints) if path.is_dir() else _read_file(path, format, hints)
    return list(by_run(parts).values())


def _read_file(path: Path, name: str | None, hints: ReadHints) -> list[Picks]:
    """Read one file and check its object names."""
    parts: list[Picks] = format_of(path, name).read(path, hints)
    if hints.objects is None:
        return parts
    return [as_in(hints.objects, part, source=path) for part in parts]


def _read_folder(folder: Path, name: str | None, hints: ReadHints) -> list[Picks]:
    """Read every pick file of a folder."""
    forms = suffixes()
    wanted = {suffix for suffix, form in forms.items() if name in (None, form)}
    files = pick_files(folder, wanted)
    files.sort(key=lambda path: _rank(forms[path.suffix.lower()]))
    contents: dict[Path, list[Picks]] = {}
    other: list[NotPicksError] = []
    for path in files:
        first = next(iter(contents), path)
        twice = forms[path.suffix.lower()] != forms[first.suffix.lower()]
        if twice and path.stem in _TABLES:
            continue  # the picks that we have already, once more
        try:
            contents[path] = _read_file(path, name, hints)
        except NotPicksError as error:  # settings or scores that share a suffix with picks
            other.append(error)
            logger.debug("passed by: %s", error)
            continue
        if twice:
            raise UserError(
                f"{folder}: holds picks in several formats ({first.name}, {path.name}), "
                "likely the same picks twice: give one file"
            )
    if not contents:
        nothing = UserError(f"{folder}: no pick files ({', '.join(sorted(wanted))}) in it")
        raise other[0] if other else nothing
    if len(found := authors(list(contents))) > 1:
        listed = ", ".join(sorted(found))
        logger.warning("%s: picks of several authors are read together: %s", folder, listed)
    parts = [part for read in contents.values() for part in read]
    filled = [part for part in parts if len(part)]
    if len({part.rotations is None for part in filled}) > 1:
        logger.warning("%s: some picks have no poses, so poses are dropped in their runs", folder)
    return parts


def _rank(form: str) -> tuple[int, str]:
    """Place a format among those of a mixed folder."""
    return (_FIRST.index(form) if form in _FIRST else len(_FIRST), form)


def _warn_outside(path: Path, picks: Picks, geometry: Geometry | None) -> None:
    """Warn of picks outside their tomogram: mostly a wrong voxel spacing or a wrong run."""
    if geometry is None:
        return
    outside = len(picks) - int(geometry.contains(picks.zyx).sum())
    if outside:
        logger.warning(
            "%s: %d of %d picks of run '%s' lie outside its tomogram: is the voxel spacing "
            "%g Å right?",
            path,
            outside,
            len(picks),
            picks.run,
            geometry.voxel_spacing,
        )
