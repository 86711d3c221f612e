"""OME-Zarr 0.4 and 0.5: chunked, compressed pyramids, the tomograms of copick and the data portal.

Choose it for anything large: a region is read without the rest, and a viewer opens the coarse
levels first. Both versions are read, in zarr v2 and v3 stores; 0.4 is written by default because
every program reads it. Specification: https://ngff.openmicroscopy.org/0.4/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.io._atomic import atomic_path
from tomoscout.io.volumes._ome_metadata import check_chunk_keys, count_leading, find_image
from tomoscout.io.volumes._spacing import resolve_spacing
from tomoscout.io.volumes._zarr import (
    CheckedArray,
    Format,
    create_array,
    open_array,
    require_zarr,
    settled,
)

SUFFIXES = (".zarr", ".ome.zarr")

_LEVELS = 3
_CHUNK = (32, 128, 128)


def read(path: Path, *, voxel_spacing: float | None = None) -> Volume:
    """Open the finest level of an OME-Zarr image, or a bare zarr array, as (z, y, x).

    Raises
    ------
    UserError
        If the store is no image, its axes are not (z, y, x) after leading ones of length 1,
        or its voxel size is unknown and none is given. Reading a broken chunk raises too.
    """
    image = find_image(path)
    array = open_array(image.path)
    leading = count_leading(image, tuple(array.shape), path)
    if np.dtype(array.dtype).kind not in "iuf":
        raise UserError(f"{path}: expected real numbers, found {array.dtype}")
    check_chunk_keys(image.path)
    spacing = resolve_spacing(image.spacing, given=voxel_spacing, path=path, trusted=image.trusted)
    return Volume(CheckedArray(array, image.path, leading=leading), spacing, name=str(path))


def write(
    volume: Volume,
    path: Path,
    *,
    overwrite: bool = False,
    version: Literal["0.4", "0.5"] = "0.4",
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write a pyramid of three levels, slab by slab; float16 stays, all else becomes float32.

    Each level is the mean of 2 x 2 x 2 voxels of the level before; at an odd edge, of those
    there are. Unsigned integers are labels: they stay what they are, and each level takes the
    first of 2 x 2 x 2 voxels.

    Parameters
    ----------
    volume
        Tomogram.
    path
        Folder, named ``.zarr``.
    overwrite
        Whether a zarr store of that name is replaced; another folder never is.
    version
        Of OME-Zarr: 0.4 is a zarr v2 store, 0.5 a v3 one.
    progress
        Told the share done, 0 to 1.
    """
    zarr_format: Format = 2 if version == "0.4" else 3
    require_zarr(path, zarr_format)
    if path.is_dir() and any(path.iterdir()) and not _is_store(path):
        raise UserError(f"{path}: a folder that is no zarr store: choose another name")
    given = np.dtype(volume.data.dtype)
    labels = given.kind == "u"
    dtype = given if labels or given == np.float16 else np.dtype(np.float32)
    with atomic_path(path, overwrite=overwrite) as temporary, settled():
        temporary.mkdir()
        levels = []
        shape: tuple[int, ...] = volume.shape
        for level in range(_LEVELS):
            # Chunks halve along z with the level, so that one slab fills whole chunks of all.
            chunks = (_CHUNK[0] >> level, *_CHUNK[1:])
            target = temporary / str(level)
            levels.append(
                create_array(
                    target, shape=shape, chunks=chunks, dtype=dtype, zarr_format=zarr_format
                )
            )
            shape = tuple(-(-n // 2) for n in shape)
        for start in range(0, volume.shape[0], _CHUNK[0]):
            slab = volume.read(slice(start, start + _CHUNK[0]))
            for level, block in enumerate(_pyramid(slab, labels=labels)):
                first = start >> level
                levels[level][first : first + len(block)] = block.astype(dtype)
            if progress is not None:
                progress(min(start + _CHUNK[0], volume.shape[0]) / volume.shape[0])
        _write_metadata(temporary, volume, version, method="nearest" if labels else "mean")


def _is_store(path: Path) -> bool:
    """Tell whether a folder is a zarr store."""
    return any((path / name).exists() for name in (".zgroup", ".zarray", "zarr.json"))


def _pyramid(
    slab: Float[np.ndarray, "z y x"], *, labels: bool
) -> Iterator[Float[np.ndarray, "_ _ _"]]:
    """Yield a slab and its means over 2 x 2 x 2 voxels, or of labels every other voxel."""
    for level in range(_LEVELS):
        if level and labels:
            slab = slab[::2, ::2, ::2]
        elif level:
            for axis in range(3):
                slab = _halve(slab, axis)
        yield slab


def _halve(block: Float[np.ndarray, "z y x"], axis: int) -> Float[np.ndarray, "_ _ _"]:
    """Average neighbours along one axis; a last one without neighbour stays itself."""
    starts = np.arange(0, block.shape[axis], 2)
    counts = np.minimum(block.shape[axis] - starts, 2).astype(np.float32)
    along = [1, 1, 1]
    along[axis] = -1
    return np.add.reduceat(block, starts, axis=axis) / counts.reshape(along)


def _write_metadata(path: Path, volume: Volume, version: str, *, method: str) -> None:
    """Write what makes a zarr group an OME-Zarr image."""
    axes = [{"name": name, "type": "space", "unit": "angstrom"} for name in "zyx"]
    datasets = []
    for level in range(_LEVELS):
        edge = volume.voxel_spacing * 2**level
        # The first cell of a coarse level lies between voxels, half a cell less half a voxel in.
        shift = (edge - volume.voxel_spacing) / 2
        transformations: list[dict[str, Any]] = [{"type": "scale", "scale": [edge] * 3}]
        if level:
            transformations.append({"type": "translation", "translation": [shift] * 3})
        datasets.append({"path": str(level), "coordinateTransformations": transformations})
    image: dict[str, Any] = {"name": "/", "axes": axes, "datasets": datasets, "type": method}
    files: dict[str, Any]
    if version == "0.4":
        image["version"] = version
        files = {".zgroup": {"zarr_format": 2}, ".zattrs": {"multiscales": [image]}}
    else:
        ome = {"ome": {"version": version, "multiscales": [image]}}
        files = {"zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": ome}}
    for name, content in files.items():
        (path / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
