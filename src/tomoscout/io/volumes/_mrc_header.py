"""The header of an MRC file: what it says about the array behind it, and how one is written."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume

HEADER_BYTES = 1024
"""Length of the fixed part; an extended header may follow."""

MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
"""Types of voxels that are real numbers, by the number the format gives them."""

_COMPLEX = {3, 4}
_VOLUME_STACKS = range(401, 631)
_IMOD_STAMP = 1146047817  # "IMOD"; its flag 1 says that bytes are signed


@dataclass(frozen=True)
class Layout:
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


def read_header(path: Path) -> Any:
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
            f"{path}: not an MRC file, or truncated: expected a header of {HEADER_BYTES} bytes, "
            f"found a file of {size} bytes ({error}): copy the file again"
        ) from error


def read_layout(header: Any, path: Path) -> Layout:
    """Check what the header says about the array."""
    mode = int(header["mode"])
    if mode in _COMPLEX:
        raise UserError(f"{path}: complex numbers (mode {mode}): expected a real-space map")
    if mode not in MODES:
        raise UserError(
            f"{path}: not an MRC file of mode {sorted(MODES)}, found mode {mode}: "
            "is it a tomogram? If so, write it again as float32 (mode 2)"
        )
    code = MODES[mode]
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
    return Layout(
        dtype=np.dtype(code).newbyteorder(byte_order),
        shape=shape,
        offset=HEADER_BYTES + int(header["nsymbt"]),
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


def new_header(volume: Volume, mode: int, statistics: tuple[float, float, float, float]) -> Any:
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
