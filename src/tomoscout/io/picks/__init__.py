"""Pick files.

Each format: ``SUFFIXES``, ``read(path, ...) -> list[Picks]`` (one per run) and
``write(picks, path)`` (atomic).
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

FORMATS = Registry(__name__, "SUFFIXES", "read", "write")
