"""Blended score maps as ``pick`` makes them: thresholds must be of these, and of no others.

The search for shares averages each object by itself. Where models share one sum of probabilities
and count differently from object to object, picking brings the means back to that sum, for which it
needs all objects at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float16

from tomoscout.inference.blending import blend_scores
from tomoscout.inference.ensemble import Ensemble, join
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.weights import Detector
from tomoscout.tuning.blend import Blended


@dataclass(frozen=True)
class JoinedArray:
    """Scores of an ensemble, computed from its members' maps where they are read."""

    parts: tuple[Any, ...]
    model: Ensemble

    @property
    def shape(self) -> tuple[int, ...]:
        """`(object, z, y, x)`."""
        return tuple(self.parts[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Half precision, as the maps."""
        return np.dtype(np.float16)

    def __getitem__(self, region: Any) -> Float16[np.ndarray, "z y x"]:
        """Return an object's scores, in all planes or some."""
        channel, *planes = region if isinstance(region, tuple) else (region,)
        slabs = [np.asarray(part[(slice(None), *planes)], np.float16) for part in self.parts]
        return blend_scores(slabs, self.model)[channel]


def as_picked(
    scores: Blended, detectors: Sequence[Detector], shares: Mapping[str, Sequence[float]]
) -> ScoreMap:
    """Return the map that ``pick`` makes with the same models and shares."""
    model = join(detectors, shares=shares)
    return ScoreMap(JoinedArray(scores.data.parts, model), scores.objects, scores.geometry)
