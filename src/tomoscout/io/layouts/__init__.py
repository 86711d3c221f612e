"""Project layouts. Each: ``matches(path) -> bool`` and ``open_layout(path, ...) -> Project``."""

from __future__ import annotations

from tomoscout.core.registry import Registry

LAYOUTS = Registry(__name__, "matches", "open_layout")
