"""Runs named after tomogram files, and the pick files that lie beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tomoscout.io.volumes import strip_suffix

_SHARED = ("picks", "particles")  # stems of files that hold the picks of all runs
_TOMOSTAR = ".tomostar"  # Warp's name of a tilt series, in its particle files
_PREFIX = re.compile(r"^rec_(?=.)")  # RELION 5
_SUFFIX = re.compile(r"(?<=.)_\d+(\.\d+)?Apx$")  # Warp and M


def run_name(file_name: str) -> str:
    """Return the run a tomogram or pick file is named after.

    Examples
    --------
    >>> run_name("rec_TS_1_10.00Apx.mrc")
    'TS_1'
    """
    stem = strip_suffix(file_name)
    return clean_name(Path(file_name).stem if stem is None else stem)


def clean_name(name: str) -> str:
    """Return a run's name without what programs put around it."""
    return _SUFFIX.sub("", _PREFIX.sub("", name.removesuffix(_TOMOSTAR)))


def pick_files(folder: Path, names: Iterable[str]) -> dict[str, tuple[Path, ...]]:
    """Return each run's pick files: ``<run>.star``, ``<run>_<object>.ndjson``, ``picks.csv`` ...

    A file named after several runs (``TS_1`` and ``TS_1_2``) belongs to the longest.
    """
    from tomoscout.io.picks import FORMATS  # pandas behind it takes half a second to load

    found: dict[str, list[Path]] = {name: [] for name in names}
    known = tuple(suffix for name in FORMATS.names() for suffix in FORMATS[name].SUFFIXES)
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or not file.name.lower().endswith(known):
            continue
        stem = run_name(file.name)
        if stem in found:
            owners = [stem]
        elif file.stem in _SHARED:
            owners = list(found)
        else:
            owners = sorted((n for n in found if stem.startswith(n + "_")), key=len)[-1:]
        for owner in owners:
            found[owner].append(file)
    return {name: tuple(files) for name, files in found.items()}
