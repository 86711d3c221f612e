"""MRC, the map file of electron microscopy (also .rec, .map, .ali, .st), plain or compressed.

Choose it to exchange single tomograms with other programs: nearly all of them read it. It has
no pyramid and a region of a compressed one cannot be read alone. The header is read
permissively, because many programs write it wrongly; the size of the file, the order of the
axes and the voxel size are checked. Format: Cheng et al. 2015, doi:10.1016/j.jsb.2015.04.002.
"""

from __future__ import annotations

import bz2
import gzip
import shutil
from collections.abc import Callable
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Real

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Array3D, Volume
from tomoscout.io._atomic import atomic_path
from tomoscout.io.volumes._mrc_header import (
    HEADER_BYTES,
    MODES,
    Layout,
    new_header,
    read_header,
    read_layout,
)
from tomoscout.io.volumes._mrc_voxels import MrcVoxels
from tomoscout.io.volumes._spacing import resolve_spacing

_PLAIN = (".mrc", ".rec", ".map", ".ali", ".st")
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
SUFFIXES = _PLAIN + tuple(a + b for a, b in product(_PLAIN, _OPENERS))

_SLAB = 32


def read(path: Path, *, voxel_spacing: float | None = None) -> Volume:
    """Open an MRC file as (z, y, x); only the header is read until voxels are asked for.

    Raises
    ------
    UserError
        If the file is not MRC, is shorter than its header says, holds no single
        three-dimensional real map, or does not know its voxel size and none is given.
    """
    header = read_header(path)
    layout = read_layout(header, path)
    cell, counts = header["cella"], (header["mz"], header["my"], header["mx"])
    edges = [float(cell[axis]) / max(int(n), 1) for axis, n in zip("zyx", counts, strict=True)]
    spacing = resolve_spacing(edges, given=voxel_spacing, path=path)
    data: Array3D
    opener = _opener(path)
    if opener is not None:
        data = _Compressed(path, layout, opener)
    else:
        _check_size(path, layout, found=path.stat().st_size)
        data = MrcVoxels(path, layout)
    return Volume(data, spacing, name=str(path))


def write(
    volume: Volume,
    path: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write float32 (mode 2), or float16 (mode 12) if the volume is float16, slab by slab."""
    with atomic_path(path, overwrite=overwrite) as temporary, temporary.open("w+b") as file:
        _write_plain(volume, file, progress)
        opener = _OPENERS.get(path.suffix.lower())
        if opener is None:
            return
        # The header's statistics are known last, so compressing is a second pass.
        file.seek(0)
        packed = temporary.with_name(temporary.name + "-packed")
        try:
            with opener(packed, "wb") as target:
                shutil.copyfileobj(file, target, 1 << 20)
            packed.replace(temporary)
        finally:
            packed.unlink(missing_ok=True)


class _Compressed:
    """Voxels of a compressed file: unpacked, all of them, when the first is asked for."""

    def __init__(self, path: Path, layout: Layout, opener: Any) -> None:
        self._path = path
        self._layout = layout
        self._opener = opener
        self.shape = tuple(layout.shape[axis] for axis in layout.to_zyx)
        self.dtype = layout.dtype

    def __getitem__(self, region: Any, /) -> Any:
        return self._array[region]

    @cached_property
    def _array(self) -> Real[np.ndarray, "z y x"]:
        try:
            with self._opener(self._path, "rb") as file:
                content = file.read()
        except (OSError, EOFError, ValueError) as error:
            raise UserError(
                f"{self._path}: truncated or corrupt ({error}): copy the file again"
            ) from error
        _check_size(self._path, self._layout, found=len(content))
        count = int(np.prod(self._layout.shape))
        flat = np.frombuffer(content, self._layout.dtype, count, self._layout.offset)
        return flat.reshape(self._layout.shape).transpose(self._layout.to_zyx)


def _opener(path: Path) -> Any:
    """Return what unpacks the file, by its first bytes rather than its name; None if plain."""
    with path.open("rb") as file:
        start = file.read(3)
    if start[:2] == b"\x1f\x8b":
        return gzip.open
    return bz2.open if start == b"BZh" else None


def _check_size(path: Path, layout: Layout, *, found: int) -> None:
    """Refuse a file that ends too early."""
    if found < layout.size:
        raise UserError(
            f"{path}: truncated: its header asks for {layout.size} bytes, found {found}: "
            "copy the file again"
        )


def _write_plain(volume: Volume, file: IO[bytes], progress: Callable[[float], None] | None) -> None:
    """Write voxels, then the header with their statistics."""
    mode = 12 if volume.data.dtype == np.float16 else 2
    dtype = np.dtype(MODES[mode]).newbyteorder("<")
    file.write(bytes(HEADER_BYTES))
    low, high, total, squares = np.inf, -np.inf, 0.0, 0.0
    for start in range(0, volume.shape[0], _SLAB):
        slab = volume.read(slice(start, start + _SLAB))
        low, high = min(low, float(slab.min())), max(high, float(slab.max()))
        total += float(slab.sum(dtype=np.float64))
        squares += float(np.square(slab, dtype=np.float64).sum())
        file.write(np.ascontiguousarray(slab, dtype).tobytes())
        if progress is not None:
            progress(min(start + _SLAB, volume.shape[0]) / volume.shape[0])
    mean = total / np.prod(volume.shape)
    spread = float(np.sqrt(max(squares / np.prod(volume.shape) - mean**2, 0)))
    file.seek(0)
    file.write(new_header(volume, mode, (low, high, mean, spread)).tobytes())
