"""Who fits where: spheres that may not overlap, found through a grid of cells.

Each sphere is filed under the cell its centre falls in, and a cell is as wide as the largest
two spheres touching, so a newcomer is compared with 27 cells and not with everyone.
"""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Float

_AROUND = np.array(list(itertools.product((-1, 0, 1), repeat=3)))


class Crowd:
    """Spheres placed so far.

    Parameters
    ----------
    largest_radius
        Radius, in ångström, that no sphere of the crowd exceeds.
    """

    def __init__(self, largest_radius: float) -> None:
        self._largest = largest_radius
        self._cells: dict[tuple[int, int, int], list[tuple[float, float, float, float]]] = {}

    def fits(self, zyx: Float[np.ndarray, " 3"], radius: float) -> bool:
        """Tell whether a sphere would touch nobody."""
        z, y, x = zyx.tolist()
        home = np.floor(zyx / (2 * self._largest)).astype(int)
        for cell in map(tuple, (_AROUND + home).tolist()):
            for a, b, c, other in self._cells.get(cell, ()):
                if (z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 < (radius + other) ** 2:
                    return False
        return True

    def add(self, zyx: Float[np.ndarray, " 3"], radius: float) -> bool:
        """Place a sphere if it fits, and tell whether it did.

        Raises
        ------
        ValueError
            If the sphere is larger than the crowd was made for.
        """
        if radius > self._largest:
            raise ValueError(f"radius {radius} exceeds the crowd's largest, {self._largest}")
        if not self.fits(zyx, radius):
            return False
        z, y, x = zyx.tolist()
        a, b, c = (int(n) for n in np.floor(zyx / (2 * self._largest)))
        self._cells.setdefault((a, b, c), []).append((z, y, x, radius))
        return True
