"""A range of values, lowest and highest, from which each tomogram draws its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    """Refuse a range whose ends are swapped."""
    if ends[0] > ends[1]:
        raise ValueError(f"the lowest value comes first, so ({ends[1]:g}, {ends[0]:g})")
    return ends


def _positive(ends: tuple[float, float]) -> tuple[float, float]:
    """Refuse a range that reaches zero or below."""
    if ends[0] <= 0:
        raise ValueError("must be above 0")
    return ends


def _not_negative(ends: tuple[float, float]) -> tuple[float, float]:
    """Refuse a range that reaches below zero."""
    if ends[0] < 0:
        raise ValueError("must not be below 0")
    return ends


def _share(ends: tuple[float, float]) -> tuple[float, float]:
    """Refuse a range that leaves 0 to 1."""
    if ends[0] < 0 or ends[1] > 1:
        raise ValueError("must be between 0 and 1")
    return ends


def _tilt(ends: tuple[float, float]) -> tuple[float, float]:
    """Refuse tilts that leave nothing, or no wedge, to reconstruct from."""
    if ends[0] <= 0 or ends[1] > 85:
        raise ValueError("must be above 0 and at most 85 degrees")
    return ends


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
PositiveRange = Annotated[Range, AfterValidator(_positive)]
NonNegativeRange = Annotated[Range, AfterValidator(_not_negative)]
Share = Annotated[Range, AfterValidator(_share)]
TiltRange = Annotated[Range, AfterValidator(_tilt)]


def draw_each(values: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Draw a number from each range, uniformly and in order; what is no range stays as it is."""
    return {
        name: float(rng.uniform(*value)) if isinstance(value, tuple) else value
        for name, value in values.items()
    }
