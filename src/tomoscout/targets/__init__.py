"""Training targets. Each file: ``Settings`` and ``encode(picks, *, objects, geometry, settings)``.

``encode`` returns float32 `(o, z, y, x)` in [0, 1] on the cells of ``geometry`` (any stride), one
channel per object in table order and none for background. Picks are in ångström relative to
the geometry's corner and may lie outside it (a sphere reaches in). Points are augmented as
points and only then rasterised: an interpolated label is smeared and misaligned.

A target that learns from label volumes sets ``NEEDS_LABELS = True`` and its ``encode`` takes
``labels`` too: the label of each voxel of the crop, 0 for background.
"""

from __future__ import annotations

from typing import Any

from tomoscout.core.registry import Registry

TARGETS = Registry(__name__, "Settings", "encode")


def needs_labels(target: Any) -> bool:
    """Tell whether a target's module learns from label volumes beside the picks."""
    return bool(getattr(target, "NEEDS_LABELS", False))
