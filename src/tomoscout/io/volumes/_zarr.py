"""Zarr arrays under zarr 2.18 and zarr 3: the one place that knows the difference."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numcodecs
import numpy as np
import zarr

from tomoscout.core.errors import UserError
from tomoscout.io.volumes._chunks import ChunkFiles

ZARR_MAJOR = int(zarr.__version__.split(".")[0])
Format = Literal[2, 3]

# What codecs raise on bytes that are not theirs; a wrong index raises IndexError, ours to fix.
_CODEC_ERRORS = (RuntimeError, ValueError, TypeError, OSError, EOFError, zlib.error)


def array_format(path: Path) -> Format | None:
    """Return the zarr format of the array at a folder, or None if there is none."""
    if (path / ".zarray").exists():
        return 2
    return 3 if (path / "zarr.json").exists() else None


def require_zarr(path: Path, zarr_format: Format) -> None:
    """Refuse a store of format 3 under zarr 2, which would not see it."""
    if zarr_format > ZARR_MAJOR:
        raise UserError(
            f"{path}: a zarr v3 store (OME-Zarr 0.5), and zarr {zarr.__version__} is installed: "
            "pip install 'zarr>=3'"
        )


def open_array(path: Path, *, mode: Literal["r", "r+"] = "r") -> Any:
    """Open the array at a folder.

    Raises
    ------
    UserError
        If there is no array or its metadata are broken.
    """
    found = array_format(path)
    if found is None:
        raise UserError(f"{path}: no zarr array (neither .zarray nor zarr.json)")
    require_zarr(path, found)
    options: dict[str, Any] = {} if ZARR_MAJOR < 3 else {"zarr_format": found}
    try:
        return zarr.open_array(str(path), mode=mode, **options)
    except Exception as error:  # zarr raises whatever its parser stumbled over
        raise UserError(f"{path}: broken zarr array ({_first_line(error)})") from error


def create_array(
    path: Path,
    *,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: Any,
    zarr_format: Format = 2,
    codec: Literal["lz4", "zstd"] = "lz4",
) -> Any:
    """Create an array of zeros at a folder, with "/" between chunk indices."""
    require_zarr(path, zarr_format)
    chunks = tuple(min(chunk, length) for chunk, length in zip(chunks, shape, strict=True))
    common: dict[str, Any] = {"shape": shape, "chunks": chunks, "dtype": np.dtype(dtype)}
    common |= {"fill_value": 0, "overwrite": True}
    blosc = numcodecs.Blosc(cname=codec, clevel=3, shuffle=numcodecs.Blosc.SHUFFLE)
    if ZARR_MAJOR < 3:
        store = zarr.DirectoryStore(str(path), dimension_separator="/")
        return zarr.create(
            store=store, compressor=blosc, dimension_separator="/", order="C", **common
        )
    if zarr_format == 2:
        keys = {"name": "v2", "separator": "/"}
        return zarr.create_array(
            str(path), zarr_format=2, compressors=blosc, chunk_key_encoding=keys, **common
        )
    packed = zarr.codecs.BloscCodec(cname=codec, clevel=3, shuffle="shuffle")
    return zarr.create_array(str(path), zarr_format=3, compressors=packed, **common)


@contextmanager
def settled() -> Iterator[None]:
    """Let an error out only when nothing writes any more, so that what was begun can be removed.

    zarr 3 writes chunks side by side and raises at the first that fails, while the others go on:
    they would make a folder anew that has just been removed.
    """
    try:
        yield
    except BaseException:
        if ZARR_MAJOR >= 3:
            from zarr.core.sync import sync

            with suppress(Exception):  # what comes too late must not hide the error itself
                sync(_others())
        raise


async def _others() -> None:
    """Wait for all else that runs on zarr's event loop."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(tasks or {asyncio.create_task(asyncio.sleep(0))})


class CheckedArray:
    """A zarr array that reads lazily and explains a broken chunk.

    Parameters
    ----------
    array
        Zarr array.
    path
        Its folder, for messages.
    leading
        Leading axes of length 1 to drop.
    """

    def __init__(self, array: Any, path: Path, *, leading: int = 0) -> None:
        self._array = array
        self._path = path
        self._leading = leading
        self._files = ChunkFiles(path)
        self.shape = tuple(int(n) for n in array.shape[leading:])
        self.chunks = tuple(int(n) for n in array.chunks[leading:])
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, region: Any, /) -> Any:
        region = (0,) * self._leading + (region if isinstance(region, tuple) else (region,))
        self._files.check(region)
        try:
            return np.asarray(self._array[region])
        except IndexError:
            raise
        except _CODEC_ERRORS as error:
            raise UserError(
                f"{self._path}: a chunk is truncated or corrupt ({_first_line(error)}): "
                "copy the store again"
            ) from error


def _first_line(error: Exception) -> str:
    """Return the first line of a message."""
    return (str(error).splitlines() or [type(error).__name__])[0]
