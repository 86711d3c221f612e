"""Project layouts.

Each: ``RANK`` (lower ones are tried first), ``matches(path) -> bool`` and
``open_layout(path, *, voxel_spacing=None, objects=None) -> Project``, where ``objects`` is a table
that replaces the project's own.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

LAYOUTS = Registry(__name__, "RANK", "matches", "open_layout")
