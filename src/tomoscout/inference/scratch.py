"""Room for score maps that may not fit into memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from tomoscout.io._atomic import disk_errors
from tomoscout.io.volumes._zarr import CheckedArray, create_array, settled

_IN_MEMORY = 1 << 30  # bytes: six objects at stride 1 of a tomogram of the CZII challenge fit
_CHUNKS = (1, 32, 128, 128)

MapShape = tuple[int, int, int, int]


def fits_memory(shape: MapShape, *, share: int = 1) -> bool:
    """Tell whether float16 score maps are kept in memory.

    Parameters
    ----------
    shape
        Of one map.
    share
        Number of maps that are needed at the same time.
    """
    return int(np.prod(shape)) * 2 * share <= _IN_MEMORY


def scratch(shape: MapShape, *, share: int = 1) -> Any:
    """Make room for a float16 score map: memory, or a folder that vanishes with its last user.

    The folder lies where the environment variable ``TMPDIR`` says.

    Parameters
    ----------
    shape
        Of the map.
    share
        Number of maps that are needed at the same time.
    """
    if fits_memory(shape, share=share):
        return np.empty(shape, np.float16)
    return _Scratch(shape)


class _Scratch:
    """A score map on disk. Not a mapped file: its pages would count as memory of the process."""

    def __init__(self, shape: MapShape) -> None:
        folder = Path(tempfile.mkdtemp(prefix="tomoscout-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._path = folder / "scores.zarr"
        self._array = create_array(self._path, shape=shape, chunks=_CHUNKS, dtype=np.float16)
        self._read = CheckedArray(self._array, self._path)
        self.shape = shape
        self.dtype = self._read.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, region: Any, /) -> Any:
        return self._read[region]

    def __setitem__(self, region: Any, scores: Float[np.ndarray, "*cells"]) -> None:
        with disk_errors(self._path.parent), settled():
            self._array[region] = scores
