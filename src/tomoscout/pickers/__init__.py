"""From score maps to picks. Each file: ``Settings`` and ``find_picks(score, *, ...) -> Picks``.

``find_picks(score, *, geometry, radius, name, threshold, settings)`` takes one object's score map
`(z, y, x)` on the cells of ``geometry``, the object's radius in ångström and its name, and returns
picks best first, sub-voxel, each with a score at or above ``threshold``.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

PICKERS = Registry(__name__, "Settings", "find_picks")
