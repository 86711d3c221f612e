"""Encoders: crops in, one vector each out. Each file: ``Settings`` and ``build(settings)``."""

from __future__ import annotations

from tomoscout.core.registry import Registry

ENCODERS = Registry(__name__, "Settings", "build")
