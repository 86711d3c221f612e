"""Files that backends keep, and packages that they need."""

from __future__ import annotations

import hashlib
import importlib
import logging
import platform
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import torch

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.inference.download import cache_folder
from tomoscout.io._atomic import atomic_path

logger = logging.getLogger(__name__)

T = TypeVar("T")


def need(module: str, *, backend: str) -> ModuleType:
    """Import a package that only one backend needs.

    Raises
    ------
    UserError
        If it is not installed, or broken.
    """
    remedy = f"pip install 'tomoscout[{backend}]', or use --backend torch"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(
            f"{backend}: needs {error.name}, which is not installed: {remedy}"
        ) from error
    except (ImportError, OSError) as error:
        raise UserError(f"{backend}: {module} cannot be imported ({error}): {remedy}") from error


def only_on_cpu(backend: str, device: torch.device) -> None:
    """Refuse another device than the CPU."""
    if device.type != "cpu":
        raise UserError(
            f"--backend {backend} computes on the CPU, found --device {device}: use --backend torch"
        )


def digest(network: Any) -> str:
    """Return a short text that differs for other weights, another structure or another PyTorch."""
    found = hashlib.sha256(f"{network!r} {torch.__version__}".encode())
    for name, tensor in sorted(network.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        found.update(values.numpy().tobytes())
    return found.hexdigest()[:16]


def machine() -> str:
    """Return a short text that differs for processors with other instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        flags = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        flags = f"{platform.machine()} {platform.processor()}"
    return hashlib.sha256(flags.encode()).hexdigest()[:8]


def from_file(
    name: str,
    tile: Shape,
    *,
    suffix: str,
    folder: Path | None,
    write: Callable[[Path], None],
    load: Callable[[Path], T],
) -> T:
    """Load what was written before; write it when it is missing or cannot be loaded.

    Parameters
    ----------
    name
        Tells what the file depends on besides the tile.
    tile
        Voxels (z, y, x).
    suffix
        Of the file.
    folder
        Where files are kept; ``backends`` in the cache folder of downloads when not given.
    write, load
        Write the file, atomically for others, and load it.
    """
    folder = cache_folder() / "backends" if folder is None else folder
    path = folder / f"{name}-{'x'.join(map(str, tile))}{suffix}"
    if path.is_file():
        try:
            return load(path)
        except (
            Exception
        ) as error:  # of another version, or damaged: whatever it is, it is made anew
            logger.debug("%s: made anew (%s)", path, error)
    with atomic_path(path, overwrite=True) as temporary:
        write(temporary)
    return load(path)
