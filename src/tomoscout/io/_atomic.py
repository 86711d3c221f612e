"""Writes that either happen or do not: nothing half-written is left under a final name.

The block writes to a temporary name in the same folder; leaving the block without an error
renames it, anything else (an exception, Ctrl-C, a full disk) removes it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError

_TEMPORARY = re.compile(r"\.partial-\d+$")
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


class CannotWriteError(UserError):
    """Nothing can be written there: the disk is full, or the folder not ours."""


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary path to write a file or a folder to, and rename it at the end.

    Parameters
    ----------
    path
        Final name; missing parent folders are made.
    overwrite
        Whether a file or folder of that name may be replaced. The old one stays until the
        new one is complete.

    Yields
    ------
    Path
        Temporary name beside the final one; nothing exists there yet.

    Raises
    ------
    UserError
        If the target exists, the disk is full or the folder may not be written to.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not overwrite and os.path.lexists(path):
                raise UserError(f"{path}: exists: pass --overwrite to replace it")
            _remove(temporary)  # left by a killed process that had our number
            yield temporary
            if path.is_dir() and not temporary.is_dir():
                raise UserError(f"{path}: is a folder: choose another name for the file")
            _put(temporary, path)
    finally:
        _remove(temporary)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden folder, the user's to put right, into one line."""
    try:
        yield
    except OSError as error:
        path = path.parent / _TEMPORARY.sub("", path.name)  # the name that is waited for
        if error.errno in _FULL:
            raise CannotWriteError(
                f"{path}: the disk is full: free some space or write elsewhere"
            ) from error
        if error.errno in _REFUSED:
            raise CannotWriteError(
                f"{path}: cannot be written ({error.strerror}): choose another folder"
            ) from error
        raise


def write_text(path: str | os.PathLike[str], text: str, *, overwrite: bool) -> None:
    """Write a text file (UTF-8) atomically."""
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], content: Any, *, overwrite: bool) -> None:
    """Write a JSON file atomically, indented; a number that is not finite is a bug."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n", overwrite=overwrite)


def _put(temporary: Path, path: Path) -> None:
    """Move the finished file or folder to its name; a folder in the way steps aside first."""
    if not path.is_dir() or path.is_symlink():
        os.replace(temporary, path)
        return
    aside = path.with_name(f"{path.name}.replaced-{os.getpid()}")
    _remove(aside)
    os.replace(path, aside)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.replace(aside, path)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
