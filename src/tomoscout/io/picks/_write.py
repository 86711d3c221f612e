"""Writing picks to a file of any format, or to a folder of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.io.picks._formats import FORMATS, format_of
from tomoscout.io.picks._hints import Centre, WriteHints


def write_picks(
    picks: Picks | Sequence[Picks],
    path: str | PathLike[str],
    *,
    overwrite: bool = True,
    format: str | None = None,
    voxel_spacing: float | Mapping[str, float] | None = None,
    kaggle: bool = False,
    pixel_size: float | None = None,
    centre: Centre = "half",
    user: str = "tomoscout",
    session: str = "0",
    names: Sequence[str] = (),
) -> list[Path]:
    """Write picks in the format of the path's suffix and return the files written.

    A path without a suffix of ours is a folder. It becomes a copick tree
    (``ExperimentRuns/<run>/Picks/<user>_<session>_<object>.json``), or with ``format="ndjson"``
    holds one ``<run>_<object>.ndjson`` for each run and object.

    Parameters
    ----------
    picks
        Picks of one run, or of several.
    path
        File or folder to write; a file appears whole or not at all.
    overwrite
        Whether files that exist are replaced.
    format
        Name of a format, for another one than the suffix says.
    voxel_spacing
        Edge of a voxel in ångström, or one per run name, for ndjson.
    kaggle
        Whether a CSV must have exactly the columns of the challenge, without scores.
    pixel_size
        Unbinned pixel of the tilt series in ångström, for the centre ``half-minus-one``.
    centre
        Definition of RELION's centre.
    user, session
        Who made the picks, for copick.
    names
        Objects that a copick tree gets a file for even if none was found.

    Raises
    ------
    UserError
        If the suffix is unknown, a file exists, or the format needs something missing.
    """
    path = Path(path)
    parts = [picks] if isinstance(picks, Picks) else list(picks)
    hints = WriteHints(voxel_spacing, kaggle, pixel_size, centre, user, session)
    if path.is_dir() or not path.suffix:
        return _write_folder(parts, path, format, hints, overwrite=overwrite, names=names)
    module = format_of(path, format)
    _refuse_existing([path], overwrite=overwrite)
    module.write(parts, path, hints)
    return [path]


def _write_folder(
    picks: Sequence[Picks],
    folder: Path,
    name: str | None,
    hints: WriteHints,
    *,
    overwrite: bool,
    names: Sequence[str],
) -> list[Path]:
    """Write a copick tree, a folder of ndjson files, or one table of another format."""
    if name in (None, "copick"):
        written: list[Path] = FORMATS["copick"].write_overlay(
            picks,
            folder,
            user=hints.user,
            session=hints.session,
            names=names,
            overwrite=overwrite,
        )
        return written
    module = FORMATS[str(name)]
    files = {folder / f"picks{module.SUFFIXES[0]}": list(picks)}
    if name == "ndjson":
        files = {
            folder / f"{part.run or 'picks'}_{object_name}.ndjson": [part.of(object_name)]
            for part in picks
            for object_name in part.names
        }
    _refuse_existing(list(files), overwrite=overwrite)
    for path, parts in files.items():
        module.write(parts, path, hints)
    return list(files)


def _refuse_existing(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Raise if a file exists that must not be replaced."""
    if not overwrite and (there := [path for path in paths if path.exists()]):
        raise UserError(f"{there[0]}: exists: pass --overwrite to replace it")
