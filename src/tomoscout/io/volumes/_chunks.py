"""Truncated chunks, found before Blosc sees them.

Blosc is told where a chunk begins but not where it ends: a truncated one decodes to whatever lies
behind it in memory, without an error. The chunk's header says how long it should be.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError

_HEADER_BYTES = 16
_LENGTH = slice(12, 16)  # where a Blosc header has the chunk's length, little-endian


class ChunkFiles:
    """The chunk files of one Blosc-compressed zarr array on a local disk.

    Parameters
    ----------
    path
        Folder of the array.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sound: set[Path] = set()
        self._shape: list[int] = []
        self._chunks: list[int] = []
        self._prefix, self._separator = "", "."
        if (path / ".zarray").exists():
            content = json.loads((path / ".zarray").read_text(encoding="utf-8"))
            self._separator = content.get("dimension_separator", ".")
            if (content.get("compressor") or {}).get("id") == "blosc":
                self._shape, self._chunks = content["shape"], content["chunks"]
        elif (path / "zarr.json").exists():
            content = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
            keys = content["chunk_key_encoding"]
            nested = "/" if keys["name"] == "default" else "."
            self._separator = keys.get("configuration", {}).get("separator", nested)
            self._prefix = "c" + self._separator if keys["name"] == "default" else ""
            # The index of a shard has a checksum of its own, and sits at its end.
            if any(codec["name"] == "blosc" for codec in content["codecs"]):
                self._shape = content["shape"]
                self._chunks = content["chunk_grid"]["configuration"]["chunk_shape"]

    def check(self, region: tuple[Any, ...]) -> None:
        """Raise if a chunk that the region touches is shorter than it says."""
        for index in product(*self._ranges(region)):
            file = self._path / (self._prefix + self._separator.join(map(str, index)))
            if file in self._sound or not file.is_file():  # a missing chunk is all fill value
                continue
            with file.open("rb") as opened:
                header = opened.read(_HEADER_BYTES)
            found = file.stat().st_size
            expected = max(int.from_bytes(header[_LENGTH], "little"), _HEADER_BYTES)
            if found < expected:
                raise UserError(
                    f"{file}: a chunk is truncated or corrupt: expected {expected} bytes, "
                    f"found {found}: copy the store again"
                )
            self._sound.add(file)

    def _ranges(self, region: tuple[Any, ...]) -> list[range]:
        """Return, per axis, the chunks that a region touches."""
        if not self._chunks:
            return [range(0)]
        if Ellipsis in region:
            at = region.index(Ellipsis)
            missing = len(self._shape) - len(region) + 1
            region = (*region[:at], *[slice(None)] * missing, *region[at + 1 :])
        region = (*region, *[slice(None)] * (len(self._shape) - len(region)))
        ranges = []
        for part, length, chunk in zip(region, self._shape, self._chunks, strict=True):
            if not isinstance(part, slice):
                part = slice(part, part + 1 or None)  # -1 runs to the end
            voxels = range(length)[part]
            ends = sorted((voxels[0], voxels[-1])) if voxels else (0, -1)
            ranges.append(range(ends[0] // chunk, ends[1] // chunk + 1))
        return ranges
