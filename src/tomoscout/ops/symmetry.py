"""The ways to lay a tomogram on itself: exchange axes, reverse axes.

They cost nothing (arrays become views) and lose nothing, so they serve both as augmentation in
training and for averaging predictions in use (``ops.views``). Axes are counted from the end, so
they work alike on volumes, score maps and batches, of numpy or torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from tomoscout.core.geometry import Geometry, Shape

Array = TypeVar("Array", bound=Any)

IN_PLACE: Shape = (0, 1, 2)
"""The axes (z, y, x) in their own order."""

SWAP_YX: Shape = (0, 2, 1)
"""The order of axes that exchanges y with x."""


@dataclass(frozen=True)
class Symmetry:
    """Put the axes into another order, or not, and then reverse some of them.

    Attributes
    ----------
    axes
        Which of the old axes (0 is z, 1 y, 2 x) each new axis is.
    flip
        Which of the new axes, (z, y, x), are reversed.
    """

    axes: Shape = IN_PLACE
    flip: tuple[bool, bool, bool] = (False, False, False)

    def apply(self, array: Array) -> Array:
        """Return the moved array, a view where the library can make one."""
        return _reverse(_permute(array, self.axes), self.flip)

    def undo(self, array: Array) -> Array:
        """Return a moved array to where it was."""
        z, y, x = (self.axes.index(axis) for axis in range(3))
        return _permute(_reverse(array, self.flip), (z, y, x))

    def shape(self, shape: Shape) -> Shape:
        """Return the shape of a moved array."""
        z, y, x = (shape[axis] for axis in self.axes)
        return z, y, x

    def move(
        self, zyx: Float[np.ndarray, "n 3"], *, geometry: Geometry
    ) -> Float[np.ndarray, "n 3"]:
        """Return where points go, in ångström, when the volume of ``geometry`` is moved."""
        moved = zyx[:, list(self.axes)]
        last = (np.array(self.shape(geometry.shape)) - 1) * geometry.voxel_spacing
        return np.where(self.flip, last - moved, moved)

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        """The same move of directions, acting on (x, y, z) column vectors."""
        signs = np.where(self.flip, -1.0, 1.0)
        # Reversing both axes of a matrix turns (z, y, x) vectors into (x, y, z) ones.
        return (signs[:, None] * np.eye(3)[list(self.axes)])[::-1, ::-1]

    @property
    def mirrors(self) -> bool:
        """Whether a left hand becomes a right hand; two reversals undo each other."""
        return bool(np.linalg.det(self.matrix) < 0)


QUARTER_TURNS = (
    Symmetry(),
    Symmetry(SWAP_YX, (False, True, False)),
    Symmetry(flip=(False, True, True)),
    Symmetry(SWAP_YX, (False, False, True)),
)
"""Turns about z by 0, 90, 180 and 270 degrees, from y towards x as ``np.rot90`` does."""

REVERSALS = tuple(product((False, True), (False, True), (False, True)))
"""All choices of axes (z, y, x) to reverse; the first reverses none."""

SYMMETRIES = tuple(Symmetry(axes, flip) for axes in (IN_PLACE, SWAP_YX) for flip in REVERSALS)
"""The sixteen that keep z upright or upside down; the first leaves everything in place."""


def _permute(array: Array, axes: Shape) -> Array:
    """Put the last three axes into another order."""
    if axes == IN_PLACE:
        return array
    lead = array.ndim - 3
    order = (*range(lead), *(lead + axis for axis in axes))
    return array.transpose(order) if isinstance(array, np.ndarray) else array.permute(order)


def _reverse(array: Array, flip: tuple[bool, bool, bool]) -> Array:
    """Reverse some of the last three axes."""
    axes = tuple(axis for axis, flipped in zip((-3, -2, -1), flip, strict=True) if flipped)
    if not axes:
        return array
    if isinstance(array, np.ndarray):
        return np.flip(array, axes)
    return array.flip(axes)  # torch makes a copy
