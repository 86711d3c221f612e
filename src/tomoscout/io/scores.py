"""Score maps on disk: what a model thinks of every cell, one map per object.

A zarr array (v2 format) of float16 `(object, z, y, x)`, with what is needed to go back to ångström
in its attributes. Prediction writes it slab by slab, so it never has to fit into memory, and
notes how far it got: an unfinished store is refused by `read_scores`, and continued by whoever
began it (`unfinished_scores`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.io._atomic import atomic_path, disk_errors
from tomoscout.io.volumes._zarr import CheckedArray, create_array, open_array, settled

_CHUNKS = (1, 32, 128, 128)

Extent = tuple[float, float, float]


class Scores(NamedTuple):
    """A finished store: maps that are read when indexed, and what they mean."""

    data: Any
    """`(object, z, y, x)` float16 in [0, 1]; a region is read when it is indexed."""
    objects: list[str]
    """Names of the objects, in the order of the first axis."""
    geometry: Geometry
    """The lattice of the cells."""
    run: str
    """Name of the run."""
    extent: Extent
    """Edges of the tomogram, (z, y, x) in ångström; the cells' may differ a little, where it was
    resampled for the network."""


class ScoreStore:
    """A store that is being written, from the first cell along z to the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._array = open_array(path, mode="r+")
        self._read = CheckedArray(self._array, path)

    @property
    def done(self) -> int:
        """Cells along z that are finished."""
        return int(self._array.attrs["done"])

    @property
    def shape(self) -> tuple[int, ...]:
        """`(object, z, y, x)`."""
        return tuple(self._array.shape)

    @property
    def dtype(self) -> Any:
        """Type of a score."""
        return self._read.dtype

    def __getitem__(self, region: Any, /) -> Any:
        """Read a region; what is not written yet is 0."""
        return self._read[region]

    def __setitem__(self, region: tuple[slice, slice], slab: Float[np.ndarray, "o z y x"]) -> None:
        """Write ``store[:, start:end] = slab``, as into an array."""
        self.write(region[1].start, slab)

    def write(self, start: int, slab: Float[np.ndarray, "o z y x"]) -> None:
        """Write finished cells from ``start`` along z on, as float16.

        Slabs come in order; chunks are 32 cells deep, so slabs of a multiple of that are
        written fastest.
        """
        end = start + slab.shape[1]
        if start > self.done or end > self.shape[1]:
            raise ValueError(
                f"slab {start} to {end} must go on from {self.done} of {self.shape[1]} cells"
            )
        with disk_errors(self.path), settled():
            self._array[:, start:end] = slab.astype(np.float16, copy=False)
            self._array.attrs["done"] = max(end, self.done)

    def move(self, path: str | PathLike[str]) -> None:
        """Give a finished store its final name, where it replaces what there is."""
        with atomic_path(path, overwrite=True) as temporary:
            os.replace(self.path, temporary)


def create_scores(
    path: str | PathLike[str],
    objects: Sequence[str],
    geometry: Geometry,
    run: str,
    *,
    extent: Extent | None = None,
    made_by: str = "",
    overwrite: bool = False,
) -> ScoreStore:
    """Create an empty store.

    Parameters
    ----------
    path
        Folder, named ``.zarr``.
    objects
        Names of the objects, in table order.
    geometry
        The lattice of the cells, at the model's stride.
    run
        Name of the run.
    extent
        Edges of the tomogram in ångström, where they are not those of the cells' lattice.
    made_by
        What the scores depend on, as a short text, for `unfinished_scores`.
    overwrite
        Whether a store of that name is replaced.

    Raises
    ------
    UserError
        If the path exists and ``overwrite`` is off, or is no score store.
    """
    path = Path(path)
    if overwrite and path.exists():
        _attributes(path)  # never delete what is not ours
    with atomic_path(path, overwrite=overwrite) as temporary, settled():
        array = create_array(
            temporary, shape=(len(objects), *geometry.cells), chunks=_CHUNKS, dtype=np.float16
        )
        array.attrs.update(
            {
                "objects": list(objects),
                "shape": list(geometry.shape),
                "voxel_spacing": geometry.voxel_spacing,
                "stride": geometry.stride,
                "run": run,
                "extent": list(extent or geometry.extent),
                "made_by": made_by,
                "done": 0,
            }
        )
    return ScoreStore(path)


def unfinished_scores(path: str | PathLike[str], *, made_by: str) -> ScoreStore | None:
    """Open a store to go on writing at its ``done``; it may also lack nothing but its name.

    Parameters
    ----------
    path
        The store.
    made_by
        What scores depend on now.

    Returns
    -------
    ScoreStore | None
        None if there is no store, it depends on something else, or it cannot be read.
    """
    path = Path(path)
    try:
        if _attributes(path).get("made_by") != made_by:
            return None
        store = ScoreStore(path)
        if store.done:  # the chunks that were being written when the process ended
            _ = store[:, store.done - 1]
    except UserError:
        return None
    return store


def read_scores(path: str | PathLike[str]) -> Scores:
    """Open a finished store.

    Raises
    ------
    UserError
        If the path is no score store, or is unfinished.
    """
    path = Path(path)
    attributes = _attributes(path)
    depth, height, width = attributes["shape"]
    geometry = Geometry(
        (depth, height, width), float(attributes["voxel_spacing"]), int(attributes["stride"])
    )
    if attributes["done"] < geometry.cells[0]:
        raise UserError(
            f"{path}: unfinished, {attributes['done']} of {geometry.cells[0]} layers are there: "
            "predict again"
        )
    data = CheckedArray(open_array(path), path)
    z, y, x = attributes.get("extent", geometry.extent)
    names = list(attributes["objects"])
    return Scores(data, names, geometry, str(attributes["run"]), (z, y, x))


def _attributes(path: Path) -> dict[str, Any]:
    """Read the attributes that make a zarr array a score store."""
    if not path.exists():
        raise UserError(f"{path}: no such folder")
    attributes = dict(open_array(path).attrs)
    missing = {"objects", "shape", "voxel_spacing", "stride", "run", "done"} - set(attributes)
    if missing:
        raise UserError(f"{path}: not a score map: no {', '.join(sorted(missing))} in it")
    return attributes
