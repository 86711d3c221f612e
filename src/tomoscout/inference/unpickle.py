"""Open checkpoints of PyTorch without running what they bring along.

A pickle may name any function of Python and call it. Here only tensors, plain containers and a
short list of names are understood, the ones that Lightning's hyperparameters hold; a file that
asks for anything else is refused, and named what it asked for.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch.serialization import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
)

from tomoscout.core.errors import UserError

_ALLOWED: list[Any] = [
    # Arrays of numbers. The function that numpy rebuilds them with has moved from core to _core.
    np.ndarray,
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.int32, np.int64, np.float32, np.float64)),
    *(
        (np.empty(0).__reduce__()[0], f"numpy.{core}.multiarray._reconstruct")
        for core in ("core", "_core")
    ),
    # Paths, as mere names: nothing is looked up on the disk.
    *(
        (PurePosixPath, f"{module}.{kind}Path")
        for module in ("pathlib", "pathlib._local")
        for kind in ("Posix", "Windows", "PurePosix", "PureWindows")
    ),
]
"""All that a pickle may name, besides the tensors and containers that torch itself allows."""


def read_checkpoint(path: Path) -> Any:
    """Read what ``torch.save`` or Lightning wrote, tensors on the CPU.

    Raises
    ------
    UserError
        If there is no such file, if it is no checkpoint, or if its pickle asks for more than
        tensors, containers, arrays of numbers and paths.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    zipped = zipfile.is_zipfile(path)  # as all are that PyTorch 1.6 or later wrote
    with _only_allowed():
        if zipped:
            _refuse_names(path)
        try:
            # Of a mapped file, only the tensors that are used are read: optimisers keep twice as
            # many numbers as the network.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        except Exception as error:  # whatever a broken file makes the reader stumble over
            asked = _asked_for(error)
            if asked:
                raise UserError(
                    f"{path}: refused, its pickle is not plain data: {asked}"
                ) from error
            raise UserError(
                f"{path}: not a checkpoint of PyTorch, or cut short ({type(error).__name__}): "
                "copy the file again"
            ) from error


@contextmanager
def _only_allowed() -> Iterator[None]:
    """Allow our list, and for that time nothing that other libraries have added to torch's."""
    before = get_safe_globals()
    clear_safe_globals()
    add_safe_globals(_ALLOWED)
    try:
        yield
    finally:
        clear_safe_globals()
        add_safe_globals(before)


def _refuse_names(path: Path) -> None:
    """Refuse a pickle for the names it holds, before any of it is run."""
    try:
        asked = sorted(get_unsafe_globals_in_checkpoint(path))
    except Exception as error:
        raise UserError(
            f"{path}: not a checkpoint that torch.save or Lightning wrote (a TorchScript archive, "
            "perhaps): give the checkpoint that holds the tensors"
        ) from error
    if asked:
        raise UserError(
            f"{path}: refused, its pickle asks for {', '.join(asked)}, and only tensors, plain "
            "containers, arrays and paths are read: save its state_dict() alone, where you trust it"
        )


def _asked_for(error: Exception) -> str:
    """Return what was refused, out of PyTorch's long advice, which ends in loading it anyway."""
    return next((line.strip() for line in str(error).splitlines() if "GLOBAL" in line), "")[:200]
