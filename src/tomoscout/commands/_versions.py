"""Versions of the software that matters to a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import tomoscout

PACKAGES = ("numpy", "torch", "monai", "lightning", "zarr", "copick", "gemmi")
"""Distributions whose version can change a result; copick and gemmi are optional."""


def versions() -> dict[str, str | None]:
    """Return the version of Tomoscout, Python and each package; None when it is missing."""
    found: dict[str, str | None] = {
        "tomoscout": tomoscout.__version__,
        "python": platform.python_version(),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
