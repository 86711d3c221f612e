"""Training targets. Each file: ``Settings`` and ``encode(picks, *, objects, geometry, settings)``.

``encode`` returns float32 `(o, z, y, x)` in [0, 1] on the cells of ``geometry`` (any stride), one
channel per object in table order and none for background. Picks are in ångström relative to
the geometry's corner and may lie outside it (a sphere reaches in). Points are augmented as
points and only then rasterised: an interpolated label is smeared and misaligned.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

TARGETS = Registry(__name__, "Settings", "encode")
