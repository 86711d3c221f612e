"""What an index asks of an array that is not in memory: a box to read, and what to take of it."""

from __future__ import annotations

import operator
from typing import Any

Box = tuple[slice, ...]


def box_of(region: Any, shape: tuple[int, ...]) -> tuple[Box, tuple[Any, ...]]:
    """Split an index into the smallest box that holds it, and an index into that box.

    Parameters
    ----------
    region
        Slices, integers and an ellipsis, as numpy takes them.
    shape
        Shape of the array that is indexed.

    Returns
    -------
    tuple
        Slices with both ends and no step, and what leads from the box to the region.

    Raises
    ------
    IndexError
        If an integer lies outside, or there are more indices than axes.

    Examples
    --------
    >>> box_of((slice(None, None, 2), -1), (5, 4))
    ((slice(0, 5, None), slice(3, 4, None)), (slice(None, None, 2), 0))
    """
    parts = region if isinstance(region, tuple) else (region,)
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts = (*parts[:at], *[slice(None)] * (len(shape) - len(parts) + 1), *parts[at + 1 :])
    if len(parts) > len(shape):
        raise IndexError(f"{len(parts)} indices into an array of {len(shape)} axes")
    parts = (*parts, *[slice(None)] * (len(shape) - len(parts)))
    box, rest = zip(*map(_split, parts, shape), strict=True)
    return box, rest


def _split(part: Any, length: int) -> tuple[slice, Any]:
    """Split the index of one axis."""
    if not isinstance(part, slice):
        index = operator.index(part)
        if not -length <= index < length:
            raise IndexError(f"index {index} into an axis of length {length}")
        return slice(index % length, index % length + 1), 0
    wanted = range(length)[part]
    if not wanted:
        return slice(0, 0), slice(None)
    low, high = sorted((wanted[0], wanted[-1]))
    return slice(low, high + 1), slice(None, None, None if wanted.step == 1 else wanted.step)
