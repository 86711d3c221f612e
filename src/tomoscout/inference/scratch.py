"""Room for score maps that may not fit into memory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.io._atomic import disk_errors

_IN_MEMORY = 2 << 30  # bytes of score map kept in memory; larger ones go to a scratch file


def scratch(shape: tuple[int, int, int, int], *, share: int = 1) -> Any:
    """Make room for a float16 score map: memory, or a file that vanishes with its last user.

    Parameters
    ----------
    shape
        Of the map.
    share
        Number of maps that are needed at the same time.
    """
    if np.prod(shape) * 2 * share <= _IN_MEMORY:
        return np.empty(shape, np.float16)
    with tempfile.TemporaryFile() as file:  # the map keeps it alive after it is closed
        with disk_errors(Path(tempfile.gettempdir())):
            if hasattr(os, "posix_fallocate"):  # else a disk that fills up ends the process
                os.posix_fallocate(file.fileno(), 0, int(np.prod(shape)) * 2)
        return np.memmap(file, np.float16, "w+", shape=shape)
