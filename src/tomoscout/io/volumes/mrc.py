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
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import IO, Any

import mrcfile
import numpy as np
from jaxtyping import Real
from mrcfile.dtypes import HEADER_DTYPE

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Array3D, Volume
from tomoscout.io._atomic import atomic_path
from tomoscout.io.volumes._spacing import resolve_spacing

_PLAIN = (".mrc", ".rec", ".map", ".ali", ".st")
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
SUFFIXES = _PLAIN + tuple(a + b for a, b in product(_PLAIN, _OPENERS))

_HEADER_BYTES = 1024
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_COMPLEX = {3, 4}
_VOLUME_STACKS = range(401, 631)
_IMOD_STAMP = 1146047817  # "IMOD"; its flag 1 says that bytes are signed
_SLAB = 32


@dataclass(frozen=True)
class _Layout:
    """What the header says about the array in the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, int, int]  # sections, rows, columns
    offset: int  # bytes before the first voxel
    to_zyx: tuple[int, int, int]  # transposition of (section, row, column)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        sections, rows, columns = self.shape
        return self.offset + sections * rows * columns * self.dtype.itemsize


def read(path: Path, *, voxel_spacing: float | None = None) -> Volume:
    """Open an MRC file as (z, y, x); only the header is read until voxels are asked for.

    Raises
    ------
    UserError
        If the file is not MRC, is shorter than its header says, holds no single
        three-dimensional real map, or does not know its voxel size and none is given.
    """
    header = _read_header(path)
    layout = _layout(header, path)
    cell, counts = header["cella"], (header["mz"], header["my"], header["mx"])
    edges = [float(cell[axis]) / max(int(n), 1) for axis, n in zip("zyx", counts, strict=True)]
    spacing = resolve_spacing(edges, given=voxel_spacing, path=path)
    data: Array3D
    opener = _opener(path)
    if opener is not None:
        data = _Compressed(path, layout, opener)
    else:
        _check_size(path, layout, found=path.stat().st_size)
        array = np.memmap(
            path, dtype=layout.dtype, mode="r", offset=layout.offset, shape=layout.shape
        )
        data = array.transpose(layout.to_zyx)
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

    def __init__(self, path: Path, layout: _Layout, opener: Any) -> None:
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


def _read_header(path: Path) -> Any:
    """Read the header, whatever mrcfile thinks of it."""
    if path.is_dir():
        raise UserError(f"{path}: a folder, expected an MRC file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with mrcfile.open(path, permissive=True, header_only=True) as file:
                return file.header.copy()
    except (ValueError, OSError, EOFError, TypeError) as error:
        size = path.stat().st_size
        raise UserError(
            f"{path}: not an MRC file, or truncated: expected a header of {_HEADER_BYTES} bytes, "
            f"found a file of {size} bytes ({error}): copy the file again"
        ) from error


def _layout(header: Any, path: Path) -> _Layout:
    """Check what the header says about the array."""
    mode = int(header["mode"])
    if mode in _COMPLEX:
        raise UserError(f"{path}: complex numbers (mode {mode}): expected a real-space map")
    if mode not in _MODES:
        raise UserError(
            f"{path}: not an MRC file of mode {sorted(_MODES)}, found mode {mode}: "
            "is it a tomogram? If so, write it again as float32 (mode 2)"
        )
    code = _MODES[mode]
    if mode == 0 and _is_unsigned(header):
        code = "u1"
    shape = (int(header["nz"]), int(header["ny"]), int(header["nx"]))
    sections, rows, columns = shape
    if min(shape) < 1 or int(header["nsymbt"]) < 0:
        raise UserError(
            f"{path}: not an MRC file: its header says {sections} x {rows} x {columns} voxels: "
            "copy the file again"
        )
    if min(shape) == 1:
        raise UserError(
            f"{path}: a tomogram has 3 axes (z, y, x), found one image, shape {shape}: "
            "give the reconstructed volume"
        )
    per_volume = int(header["mz"])
    if int(header["ispg"]) in _VOLUME_STACKS and 0 < per_volume < sections:
        raise UserError(
            f"{path}: a tomogram has 3 axes (z, y, x), found a stack of "
            f"{sections // per_volume} volumes: split it first"
        )
    byte_order = header.dtype["nx"].byteorder
    return _Layout(
        dtype=np.dtype(code).newbyteorder(byte_order),
        shape=shape,
        offset=_HEADER_BYTES + int(header["nsymbt"]),
        to_zyx=_transposition(header, path),
    )


def _is_unsigned(header: Any) -> bool:
    """Tell whether bytes are unsigned: IMOD says so in a flag, a maximum above 127 gives it away.

    All others are signed, as MRC2014 has it.
    """
    integer = np.dtype("i4").newbyteorder(header.dtype["nx"].byteorder)
    stamp, flags = np.frombuffer(header["extra2"].tobytes()[40:48], integer)
    if int(stamp) == _IMOD_STAMP:
        return not int(flags) & 1
    return float(header["dmax"]) > np.iinfo(np.int8).max


def _transposition(header: Any, path: Path) -> tuple[int, int, int]:
    """Say which of (section, row, column) runs along z, y and x."""
    axes = [int(header[name]) for name in ("maps", "mapr", "mapc")]
    if axes == [0, 0, 0]:  # files older than the convention
        return 0, 1, 2
    if sorted(axes) != [1, 2, 3]:
        raise UserError(f"{path}: mapc, mapr, maps must be 1, 2, 3 in some order, found {axes}")
    return axes.index(3), axes.index(2), axes.index(1)


def _check_size(path: Path, layout: _Layout, *, found: int) -> None:
    """Refuse a file that ends too early."""
    if found < layout.size:
        raise UserError(
            f"{path}: truncated: its header asks for {layout.size} bytes, found {found}: "
            "copy the file again"
        )


def _write_plain(volume: Volume, file: IO[bytes], progress: Callable[[float], None] | None) -> None:
    """Write voxels, then the header with their statistics."""
    mode = 12 if volume.data.dtype == np.float16 else 2
    dtype = np.dtype(_MODES[mode]).newbyteorder("<")
    file.write(bytes(_HEADER_BYTES))
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
    file.write(_new_header(volume, mode, (low, high, mean, spread)).tobytes())


def _new_header(volume: Volume, mode: int, statistics: tuple[float, float, float, float]) -> Any:
    """Return an MRC2014 header."""
    header = np.zeros((), HEADER_DTYPE.newbyteorder("<"))
    header["mode"], header["ispg"], header["nversion"] = mode, 1, 20141
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    for axis, count in zip("zyx", volume.shape, strict=True):
        header[f"n{axis}"] = header[f"m{axis}"] = count
        header["cella"][axis] = count * volume.voxel_spacing
    header["cellb"] = (90, 90, 90)
    header["map"], header["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
    header["dmin"], header["dmax"], header["dmean"], header["rms"] = statistics
    header["nlabl"] = 1
    header["label"][0] = b"Written by tomoscout"
    return header
