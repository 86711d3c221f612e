"""Which format a file is in, by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.registry import Registry

FORMATS = Registry("tomoscout.io.picks", "SUFFIXES", "read", "write")


class NotPicksError(UserError):
    """The file is sound but holds something else; a folder's reader passes it by."""


def suffixes() -> dict[str, str]:
    """Return the format of each suffix."""
    return {suffix: name for name in FORMATS.names() for suffix in FORMATS[name].SUFFIXES}


def format_of(path: Path, name: str | None) -> Any:
    """Return the format called ``name``, or else the one of the path's suffix."""
    known = suffixes()
    name = name or known.get(path.suffix.lower())
    if name is None:
        found = f"suffix '{path.suffix}'" if path.suffix else "no suffix"
        raise UserError(
            f"{path}: pick files end in {', '.join(known)}, found {found}."
            + did_you_mean(path.suffix, known)
        )
    return FORMATS[name]
