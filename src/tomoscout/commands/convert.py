"""``tomoscout convert``: picks and tomograms into the formats of other programs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.core.geometry import Geometry
    from tomoscout.core.picks import Picks
    from tomoscout.io.project import Project

logger = logging.getLogger(__name__)

_TARGETS = {
    "kaggle": "csv",
    "relion": "star",
    "copick": "copick",
    "ndjson": "ndjson",
    "csv": "csv",
    "star": "star",
}


def convert(
    source: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    *,
    to: str | None = None,
    tomogram: Path | None = None,
    voxel_spacing: float | None = None,
    project: Path | None = None,
    object_name: str | None = None,
    pixel_size: float | None = None,
    centre: Literal["half", "half-minus-one"] = "half",
    user: str = "tomoscout",
    session: str = "0",
    overwrite: bool = False,
) -> None:
    """Turn picks or volumes into another format.

    Picks: copick JSON, CSV, RELION STAR, portal ndjson, a folder of them, or a project. A folder
    as output becomes a copick tree. Volumes: MRC and OME-Zarr. The suffix decides, or ``--to``.

    Parameters
    ----------
    source
        Pick file, folder of pick files, copick tree or project; or a volume.
    output
        File or folder to write.
    to
        kaggle, relion, copick, ndjson, csv or star, instead of what the suffix says.
    tomogram
        Tomogram of the picks (of all runs), for formats that count voxels or from the centre.
    voxel_spacing
        Edge of a voxel in Å, where no header says it, and for ndjson.
    project
        Project with the tomograms of the runs, instead of one tomogram.
    object_name
        Name of the particles of a file that does not name them.
    pixel_size
        Unbinned pixel of the tilt series in Å, for RELION 3 and 4 files that do not say it.
    centre
        RELION's centre: half of the tomogram's size, or one unbinned pixel less (pytom).
    user
        Author of the picks in a copick tree.
    session
        Session of the picks in a copick tree.
    overwrite
        Replace files that exist.
    """
    from tomoscout.commands._console import console
    from tomoscout.core.errors import UserError
    from tomoscout.io.picks import write_picks
    from tomoscout.io.volumes import is_zarr, strip_suffix

    if source.exists() and output.exists() and source.samefile(output):
        raise UserError(f"{output}: is the source itself: choose another output")
    if is_zarr(source) or (strip_suffix(source.name) is not None and not source.is_dir()):
        _convert_volume(source, output, to=to, voxel_spacing=voxel_spacing, overwrite=overwrite)
        console.print(f"volume: {output}", highlight=False)
        return
    form = _target(to, output)
    lattices, opened = _lattices(source, tomogram, project, voxel_spacing)
    picks = _read(
        source, opened, lattices, object_name, pixel_size=pixel_size, centre=centre,
        voxel_spacing=voxel_spacing,
    )  # fmt: skip
    write_picks(
        picks,
        output,
        overwrite=overwrite,
        format=form,
        kaggle=to == "kaggle",
        voxel_spacing=voxel_spacing or (_spacings(picks, lattices) if form == "ndjson" else None),
        pixel_size=pixel_size,
        centre=centre,
        user=user,
        session=session,
    )
    if to == "kaggle":
        _remark_unknown(picks)
    total = sum(map(len, picks))
    runs = f"{len(picks)} run" + "s" * (len(picks) != 1)
    console.print(f"{total} picks of {runs}: {output}", highlight=False)


def _remark_unknown(picks: list[Picks]) -> None:
    """Say which objects the challenge does not know: it refuses tables that name them."""
    from tomoscout.core.objects import CZII

    unknown = sorted({name for part in picks for name in part.names} - set(CZII.names))
    if unknown:
        logger.warning(
            "the challenge does not know %s: its objects are %s",
            ", ".join(unknown), ", ".join(CZII.names),
        )  # fmt: skip


def _target(to: str | None, output: Path) -> str | None:
    """Return the name of the format to write, None for what the suffix says."""
    from tomoscout.core.errors import UserError, did_you_mean
    from tomoscout.io.picks import FORMATS

    suffix = output.suffix.lower()
    meant = {known: name for name in FORMATS.names() for known in FORMATS[name].SUFFIXES}
    if to is None:
        return meant.get(suffix)
    if to not in _TARGETS:
        raise UserError(
            f"--to {to}: choose from {', '.join(_TARGETS)}." + did_you_mean(to, _TARGETS)
        )
    if meant.get(suffix, _TARGETS[to]) != _TARGETS[to]:
        right = FORMATS[_TARGETS[to]].SUFFIXES[0]
        raise UserError(
            f"{output}: ends in {suffix}, but --to {to} writes {right}: drop one of them"
        )
    return _TARGETS[to]


def _lattices(
    source: Path, tomogram: Path | None, project: Path | None, voxel_spacing: float | None
) -> tuple[Geometry | Mapping[str, Geometry] | None, Project | None]:
    """Return what is known of the tomograms, and the source as a project if it is one."""
    from tomoscout.commands._picks import Lattices
    from tomoscout.io.project import open_project
    from tomoscout.io.volumes import read_volume

    opened = _open_source(source, voxel_spacing)
    if tomogram is not None:
        return read_volume(tomogram, voxel_spacing=voxel_spacing).geometry, opened
    if project is not None:
        return Lattices(open_project(project, voxel_spacing=voxel_spacing)), opened
    return (None if opened is None else Lattices(opened)), opened


def _open_source(source: Path, voxel_spacing: float | None) -> Project | None:
    """Open the source as a project: a copick configuration, or a folder with tomograms."""
    from contextlib import suppress

    from tomoscout.core.errors import UserError
    from tomoscout.io.layouts import LAYOUTS
    from tomoscout.io.layouts.copick import matches
    from tomoscout.io.project import open_project

    if LAYOUTS["shrec"].matches(source):  # its picks are in no format of ours
        return open_project(source, voxel_spacing=voxel_spacing)
    if source.is_dir():
        with suppress(UserError):  # a folder of pick files only, which needs no tomograms
            return open_project(source, voxel_spacing=voxel_spacing)
    if source.is_file() and matches(source):  # both a project and its picks are JSON
        return open_project(source, voxel_spacing=voxel_spacing)
    return None


def _read(
    source: Path,
    opened: Project | None,
    lattices: Geometry | Mapping[str, Geometry] | None,
    object_name: str | None,
    **hints: Any,
) -> list[Picks]:
    """Read the picks of a file or folder; some projects say themselves where they are."""
    from tomoscout.core.errors import UserError
    from tomoscout.io.picks import read_picks

    if opened is None or (source.is_dir() and opened.layout != "shrec"):
        return read_picks(source, geometry=lattices, object_name=object_name, **hints)
    parts = [run.picks() for run in opened.runs if run.has_picks]
    if not parts:
        raise UserError(f"{source}: no run of this project has picks")
    return parts


def _spacings(
    picks: list[Picks], lattices: Geometry | Mapping[str, Geometry] | None
) -> dict[str, float]:
    """Return the voxel spacing of each run's tomogram, where it is known."""
    if lattices is None:
        return {}
    known = {
        part.run: lattices.get(part.run) if isinstance(lattices, Mapping) else lattices
        for part in picks
    }
    return {run: lattice.voxel_spacing for run, lattice in known.items() if lattice is not None}


def _convert_volume(
    source: Path, output: Path, *, to: str | None, voxel_spacing: float | None, overwrite: bool
) -> None:
    """Copy a volume slab by slab."""
    from tomoscout.commands._console import progress
    from tomoscout.core.errors import UserError
    from tomoscout.io.volumes import read_volume, write_volume

    if to is not None:
        raise UserError(f"{source}: is a volume; --to is for picks, so give {output} a suffix")
    volume = read_volume(source, voxel_spacing=voxel_spacing)
    with progress(100, f"write {output.name}") as bar:
        write_volume(volume, output, overwrite=overwrite, progress=bar.fraction)
