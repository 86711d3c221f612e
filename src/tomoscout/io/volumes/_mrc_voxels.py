"""Voxels of an uncompressed MRC file, read when they are asked for.

They are read and not mapped: pages of a map count as memory of the process, so that a tomogram
larger than memory, gone through once, looks to a cluster's scheduler as if all of it were held.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Real

from tomoscout.core.errors import UserError
from tomoscout.core.regions import Box, box_of
from tomoscout.io.volumes._mrc_header import Layout


class MrcVoxels:
    """An array on disk as (z, y, x).

    Parameters
    ----------
    path
        The file.
    layout
        Where in it the voxels are, and in which order.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._layout = layout
        self.shape = tuple(layout.shape[axis] for axis in layout.to_zyx)
        self.dtype = np.dtype(layout.dtype)

    def __getitem__(self, region: Any, /) -> Any:
        box, rest = box_of(region, self.shape)
        stored = [slice(0, 0)] * 3
        for part, axis in zip(box, self._layout.to_zyx, strict=True):
            stored[axis] = part
        return self._read(tuple(stored)).transpose(self._layout.to_zyx)[rest]

    def _read(self, box: Box) -> Real[np.ndarray, "s r c"]:
        """Read sections, rows and columns as they lie in the file."""
        sections, rows, columns = box
        _, height, width = self._layout.shape
        block = np.empty([part.stop - part.start for part in box], self.dtype)
        if not block.size:
            return block
        band = np.empty((rows.stop - rows.start, width), self.dtype)
        with self._path.open("rb", buffering=0) as file:
            for index in range(len(block)):
                first = (sections.start + index) * height + rows.start
                file.seek(self._layout.offset + first * width * self.dtype.itemsize)
                # Whole rows, since a short read costs as much as a long one.
                if file.readinto(band.view(np.uint8).data) != band.nbytes:
                    raise UserError(f"{self._path}: truncated while it was read: copy it again")
                block[index] = band[:, columns]
        return block
