"""From score maps to picks. Each file: ``Settings`` and ``find_picks(score, *, ...) -> Picks``.

``find_picks(score, *, geometry, radius, name, threshold, settings)`` takes one object's score map
`(z, y, x)` on the cells of ``geometry``, the object's radius in ångström and its name, and returns
picks best first, sub-voxel, each with a score at or above ``threshold``.

A file may also say how a map is picked that does not fit into memory. ``halo(radius, settings)``
tells how far, in ångström, a pick depends on cells around it: parts of the map that overlap by it
(and the neighbouring plane) are then picked one by one. Where a pick may depend on any other, as in
greedy suppression or where particles touch, two steps do it: ``peaks(score, *, planes, first,
spacing, threshold, settings)`` finds what there is in some planes, as a tuple of arrays counted
from the whole map's corner, ``first`` being the plane at which the part begins; and
``settle(peaks, *, geometry, radius, name, settings)`` makes picks of all of it, the parts' arrays
joined in the map's order; those below the threshold are dropped thereafter.

``is_nested(settings)`` tells whether the picks at a threshold are those of any lower one that reach
it; without it they are not. Tuning then tries every threshold on the picks of the lowest.

``widened(settings, times)`` returns settings that let through particles up to some times as large
as the object. A file that has it can pick a map of objects of unlike sizes, with the radius of the
smallest (``inference.together``).
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

PICKERS = Registry(__name__, "Settings", "find_picks")
