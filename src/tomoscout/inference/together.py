"""One map for all objects of a detector: where any of them is, and which is likeliest there.

For objects that are sizes or kinds of one thing, such as the dark blobs a detector taught itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from tomoscout.inference.score_map import ScoreMap

NAME = "any object"
_PLANES = 32  # read at once: those of a store's chunk


@dataclass(frozen=True)
class _Joint:
    """Maps `(object, z, y, x)` read as one, `(1, z, y, x)`, part by part where they lie on disk."""

    data: Any
    is_shared: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """One object, and cells."""
        return (1, *self.data.shape[1:])

    def __getitem__(self, region: Any) -> Float32[np.ndarray, "z y x"]:
        """Return cells of the one map, given as ``[0, planes]`` or ``[0]``."""
        planes = region[1] if isinstance(region, tuple) else slice(None)
        parts = (np.asarray(self.data[i, planes], np.float32) for i in range(self.data.shape[0]))
        whole = next(parts).copy()
        for part in parts:
            (np.add if self.is_shared else np.maximum)(whole, part, out=whole)
        return np.minimum(whole, 1.0, out=whole)  # half floats may add up to a little more


def joined(scores: ScoreMap, *, is_shared: bool) -> ScoreMap:
    """Return the map of any object: in memory if the maps are, else read when it is looked at.

    Parameters
    ----------
    scores
        Maps of the objects.
    is_shared
        Whether they share one sum with background, and so add up; else the largest counts.
    """
    joint: Any = _Joint(scores.data, is_shared)
    if isinstance(scores.data, np.ndarray):
        joint = joint[0][None]
    return ScoreMap(joint, (NAME,), scores.geometry)


def likeliest(scores: ScoreMap, zyx: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """Return the channel of the object that is likeliest in the cell of each place, in ångström."""
    top = np.array(scores.data.shape[1:]) - 1
    cells = np.clip(np.rint(scores.geometry.to_cells(zyx)).astype(np.intp), 0, top)
    found = np.zeros(len(cells), np.intp)
    block = cells[:, 0] // _PLANES
    for number in np.unique(block):
        mine, first = block == number, number * _PLANES
        part = np.asarray(scores.data[:, first : first + _PLANES])
        z, y, x = (cells[mine] - [first, 0, 0]).T
        found[mine] = part[:, z, y, x].argmax(axis=0)
    return found
