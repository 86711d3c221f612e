"""Volume files.

Each format: ``SUFFIXES``, ``read(path, *, voxel_spacing=None) -> Volume`` (its data stays on disk
until a region is asked for) and ``write(volume, path, *, overwrite=False, progress=None)``
(atomic; ``progress`` is told the share done, 0 to 1).
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.registry import Registry
from tomoscout.core.volume import Volume

FORMATS = Registry(__name__, "SUFFIXES", "read", "write")

_ZARR_MARKS = (".zarray", ".zgroup", "zarr.json")


def read_volume(path: str | PathLike[str], *, voxel_spacing: float | None = None) -> Volume:
    """Open a tomogram; its voxels stay on disk until they are read.

    Parameters
    ----------
    path
        File, or folder of a zarr store. The suffix says which format it is; a folder that
        is a zarr store may have any name.
    voxel_spacing
        Edge of one voxel, in ångström, for files that do not know theirs; it wins over what
        the file says.

    Raises
    ------
    UserError
        If there is no such file, no format of that suffix, or the file is broken.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    name = "omezarr" if is_zarr(path) else _format_of(path)
    return FORMATS[name].read(path, voxel_spacing=voxel_spacing)


def write_volume(
    volume: Volume,
    path: str | PathLike[str],
    *,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write a tomogram in the format of the path's suffix; the file appears when complete."""
    path = Path(path)
    FORMATS[_format_of(path)].write(volume, path, overwrite=overwrite, progress=progress)


def suffixes() -> list[str]:
    """Suffixes of all formats."""
    return [suffix for name in FORMATS.names() for suffix in FORMATS[name].SUFFIXES]


def strip_suffix(name: str) -> str | None:
    """Return a file name without its volume suffix, or None if it is no volume's name."""
    # The longest first: of '.ome.zarr' and '.zarr', the former is the whole suffix.
    for suffix in sorted(suffixes(), key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return None


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a zarr store."""
    return path.is_dir() and any((path / mark).exists() for mark in _ZARR_MARKS)


def _format_of(path: Path) -> Any:
    """Name of the format that writes this suffix."""
    for name in FORMATS.names():
        if path.name.lower().endswith(tuple(FORMATS[name].SUFFIXES)):
            return name
    known = suffixes()
    hint = did_you_mean("".join(path.suffixes[-2:]).lower(), known)
    found = f"unknown kind of volume '{path.suffix}'" if path.suffix else "a volume needs a suffix"
    raise UserError(f"{path}: {found}: known are {', '.join(known)}.{hint}")
