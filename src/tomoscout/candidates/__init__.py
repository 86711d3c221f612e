"""Candidates: where to look without labels. Each file: ``Settings`` and ``find(volume, *, settings, rng)``."""

from __future__ import annotations

from tomoscout.core.registry import Registry

CANDIDATES = Registry(__name__, "Settings", "find")
