"""Volume files.

Each format: ``SUFFIXES``, ``read(path, *, voxel_spacing=None) -> Volume`` (its data stays on disk
until a region is asked for) and ``write(volume, path)`` (atomic).
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

FORMATS = Registry(__name__, "SUFFIXES", "read", "write")
