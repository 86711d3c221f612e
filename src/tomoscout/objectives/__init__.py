"""Objectives: losses on pairs of views. Each file: ``Settings`` and ``build(settings, *, projection)``."""

from __future__ import annotations

from tomoscout.core.registry import Registry

OBJECTIVES = Registry(__name__, "Settings", "build")
