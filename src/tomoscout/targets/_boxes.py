"""The box of cells around a particle, so that targets never touch the rest of the map."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from tomoscout.core.geometry import Geometry

Box = tuple[slice, slice, slice]
Offsets = tuple[Float[np.ndarray, " z"], Float[np.ndarray, " y"], Float[np.ndarray, " x"]]


def box_around(
    zyx: Float[np.ndarray, " 3"], *, reach: float, geometry: Geometry
) -> tuple[Box, Offsets]:
    """Find the cells whose centre is within ``reach`` of a point along each axis.

    Returns the box of cells, empty when the point is far outside, and for each axis the
    distances in ångström from the point to the cells' centres.
    """
    centre = geometry.to_cells(zyx[None])[0]
    extent = reach / geometry.cell_spacing
    box, offsets = [], []
    for middle, cells in zip(centre.tolist(), geometry.cells, strict=True):
        start = min(max(int(np.ceil(middle - extent)), 0), cells)
        stop = max(min(int(np.floor(middle + extent)) + 1, cells), start)
        box.append(slice(start, stop))
        offsets.append((np.arange(start, stop) - middle) * geometry.cell_spacing)
    return (box[0], box[1], box[2]), (offsets[0], offsets[1], offsets[2])
