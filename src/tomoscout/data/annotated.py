"""Which cells of a patch are annotated, where picks are some examples and not all there is.

Around a pick one knows what there is: it, and nothing else within its radius and a little more.
Farther off a cell without a pick may well be a particle that nobody clicked on, and to learn that
it is background would be to learn to miss it. Such cells are NaN in the target, and the loss leaves
them out.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks


def is_annotated(
    picks: Picks, *, objects: ObjectTable, geometry: Geometry, beyond: float
) -> Bool[np.ndarray, "z y x"]:
    """Tell which cells lie around a pick.

    Parameters
    ----------
    picks
        Centres in ångström from the geometry's corner; they may lie outside it.
    objects
        Says how large each is.
    geometry
        Lattice of the patch, at the stride of the target.
    beyond
        How far beyond its radius a pick speaks for its surroundings, in ångström.
    """
    known = np.zeros(geometry.cells, bool)
    for zyx, name in zip(geometry.to_cells(picks.zyx), np.asarray(picks.objects), strict=True):
        reach = (objects[str(name)].radius + beyond) / geometry.cell_spacing
        z, y, x = (np.arange(n) - at for n, at in zip(geometry.cells, zyx, strict=True))
        known |= z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= reach**2
    return known
