"""Named groups of views of a tomogram, over which predictions are averaged.

Each view lays the tomogram on itself another way (``ops.symmetry``); a network answers each of
them, and the mean of the answers, laid back, is steadier than one answer. Time grows with the
number of views. Which group suits depends on what the network was trained with and on what the
data looks alike from:

* ``none``: the tomogram as it is.
* ``z_flip``: also upside down. Two views.
* ``wedge_safe``: all reversals of axes, half turns among them. Eight views, and the only ones a
  missing wedge allows. With the tilt axis along y and the beam along z, nothing is known where
  ``|kz| > |kx| * tan(largest tilt)``: a region that signs do not matter for, so that reversing
  axes lays it on itself, and that exchanging any two axes breaks. (Where tilts reach further to
  one side, reversing z or x alone is off by that difference; both together, and y, never are.)
* ``anisotropic``: reversals of one axis each, and quarter turns about z; the seven of ETFinder and
  of the CZII challenge's second place.
* ``d4z``: quarter turns and mirrors in the plane, upright and upside down; all sixteen moves that
  keep z apart.
* ``isotropic13``: ``anisotropic`` with quarter turns about y and about x as well, as ETFinder
  meant it.
* ``isotropic``: all 48 moves of a cube; for data whose resolution is the same everywhere.

Measured on simulated twins with a ``scout`` that saw reversals and quarter turns in training
(`docs/results.md`): ``wedge_safe`` gains 0.045 of F4, ``d4z`` 0.019, seven or thirteen views 0.008,
``z_flip`` 0.004, and ``isotropic`` loses 0.053.

Half of the views of the larger groups are mirror images, of which nature has none: no protein is
the mirror image of its like. For a network that saw mirror images in training (all recipes of
this package reverse single axes) averaging over them is sound: it was taught to answer both hands
alike, never could tell them apart, and its mistakes on the one are as good as independent of those
on the other. A network trained without them may take a mirrored particle for nothing: average it
over ``none``, or over views of its own making.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.geometry import Shape
from tomoscout.ops.symmetry import IN_PLACE, QUARTER_TURNS, REVERSALS, SYMMETRIES, Symmetry

View = Symmetry
"""One way to look at a tomogram."""


def _all_48() -> tuple[View, ...]:
    """Every order of the axes with every choice of reversals; as it is comes first."""
    return tuple(View((a, b, c), flip) for a, b, c in permutations(IN_PLACE) for flip in REVERSALS)


def _turns(first: int, second: int) -> tuple[View, ...]:
    """Quarter turns by 90, 180 and 270 degrees in the plane of two axes, as ``np.rot90`` does."""
    order = list(IN_PLACE)
    order[first], order[second] = second, first
    swapped = (order[0], order[1], order[2])
    return (
        View(swapped, _reversing(first)),
        View(IN_PLACE, _reversing(first, second)),
        View(swapped, _reversing(second)),
    )


def _reversing(*axes: int) -> tuple[bool, bool, bool]:
    """Reverse these axes."""
    return 0 in axes, 1 in axes, 2 in axes


_AS_IS = View()
_Z, _Y, _X = (View(flip=_reversing(axis)) for axis in range(3))
_ANISOTROPIC = (_AS_IS, _Z, _Y, _X, *QUARTER_TURNS[1:])

VIEWS: dict[str, tuple[View, ...]] = {
    "none": (_AS_IS,),
    "z_flip": (_AS_IS, _Z),
    "wedge_safe": tuple(view for view in SYMMETRIES if view.axes == IN_PLACE),
    "anisotropic": _ANISOTROPIC,
    "d4z": SYMMETRIES,
    "isotropic13": (*_ANISOTROPIC, *_turns(0, 2), *_turns(0, 1)),
    "isotropic": _all_48(),
}
"""The groups by name; the first view of each is the tomogram as it is."""


def find_views(name: str) -> tuple[View, ...]:
    """Return the views of a group.

    Raises
    ------
    UserError
        If there is no such group.
    """
    if name not in VIEWS:
        raise UserError(
            f"no group of views '{name}': choose from {', '.join(VIEWS)}."
            + did_you_mean(name, VIEWS)
        )
    return VIEWS[name]


def divisor_of(views: Sequence[View], divisor: Shape) -> Shape:
    """Return what the edges of a tile are multiples of, so that every view of it fits a network.

    Parameters
    ----------
    views
        What the tile is seen from.
    divisor
        What the network needs the edges (z, y, x) of its input to be multiples of.
    """
    fits = [1, 1, 1]
    for view in views:
        for new, old in enumerate(view.axes):
            fits[old] = math.lcm(fits[old], divisor[new])
    return fits[0], fits[1], fits[2]
