"""A score map as prediction makes it and picking reads it, wherever it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tomoscout.core.geometry import Geometry
from tomoscout.io.scores import Scores


@dataclass(frozen=True)
class ScoreMap:
    """Scores of one tomogram.

    Attributes
    ----------
    data
        `(object, z, y, x)` float16 probabilities, in memory or on disk.
    objects
        Names of the objects, in channel order.
    geometry
        Where the cells lie in the tomogram.
    """

    data: Any
    objects: tuple[str, ...]
    geometry: Geometry

    @classmethod
    def of(cls, scores: Scores) -> ScoreMap:
        """Return the map of a store that ``io.scores.read_scores`` opened."""
        return cls(scores.data, tuple(scores.objects), scores.geometry)
