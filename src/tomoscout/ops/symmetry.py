"""The sixteen ways to lay a tomogram on itself with z kept upright or upside down.

Reversing axes and exchanging y with x costs nothing (arrays become views) and loses nothing,
so these serve both as augmentation in training and for averaging predictions in use. Axes are
counted from the end, so they work alike on volumes, score maps and batches, of numpy or torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from tomoscout.core.geometry import Geometry, Shape

Array = TypeVar("Array", bound=Any)


@dataclass(frozen=True)
class Symmetry:
    """Exchange y with x, or not, and then reverse some of the axes.

    Attributes
    ----------
    swap
        Whether y and x change places, before any axis is reversed.
    flip
        Which axes, (z, y, x), are reversed.
    """

    swap: bool = False
    flip: tuple[bool, bool, bool] = (False, False, False)

    def apply(self, array: Array) -> Array:
        """Return the moved array, a view where the library can make one."""
        return _reverse(array.swapaxes(-1, -2) if self.swap else array, self.flip)

    def undo(self, array: Array) -> Array:
        """Return a moved array to where it was."""
        array = _reverse(array, self.flip)
        return array.swapaxes(-1, -2) if self.swap else array

    def shape(self, shape: Shape) -> Shape:
        """Return the shape of a moved array."""
        z, y, x = shape
        return (z, x, y) if self.swap else shape

    def move(
        self, zyx: Float[np.ndarray, "n 3"], *, geometry: Geometry
    ) -> Float[np.ndarray, "n 3"]:
        """Return where points go, in ångström, when the volume of ``geometry`` is moved."""
        moved = zyx[:, [0, 2, 1]] if self.swap else zyx.copy()
        last = (np.array(self.shape(geometry.shape)) - 1) * geometry.voxel_spacing
        return np.where(self.flip, last - moved, moved)

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        """The same move of directions, acting on (x, y, z) column vectors."""
        z, y, x = (-1.0 if flipped else 1.0 for flipped in self.flip)
        exchange = np.eye(3)[[1, 0, 2]] if self.swap else np.eye(3)
        return np.diag([x, y, z]) @ exchange

    @property
    def mirrors(self) -> bool:
        """Whether a left hand becomes a right hand; two reversals undo each other."""
        return (sum(self.flip) + self.swap) % 2 == 1


QUARTER_TURNS = (
    Symmetry(),
    Symmetry(swap=True, flip=(False, True, False)),
    Symmetry(flip=(False, True, True)),
    Symmetry(swap=True, flip=(False, False, True)),
)
"""Turns about z by 0, 90, 180 and 270 degrees, from y towards x as ``np.rot90`` does."""

SYMMETRIES = tuple(Symmetry(swap, (z, y, x)) for swap, z, y, x in product((False, True), repeat=4))
"""All sixteen; the first leaves everything in place."""


def _reverse(array: Array, flip: tuple[bool, bool, bool]) -> Array:
    """Reverse some of the last three axes."""
    axes = tuple(axis for axis, flipped in zip((-3, -2, -1), flip, strict=True) if flipped)
    if not axes:
        return array
    if isinstance(array, np.ndarray):
        return np.flip(array, axes)
    return array.flip(axes)  # torch makes a copy
