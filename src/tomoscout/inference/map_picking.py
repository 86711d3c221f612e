"""Picks of one object from its score map, also from one on disk that memory would not hold.

A map on disk is picked in parts, slabs along z. Pickers of two steps (``local_max``) see all maxima
of the map before they choose, so that their picks are those of the whole map to the last bit.
Others see slabs that overlap by their halo, and a pick counts in the slab that it lies in. A picker
without a halo gets the whole map of the object at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.inference.score_map import ScoreMap
from tomoscout.pickers._checks import check

_PART = 1 << 26  # bytes of an object's map that are looked at together, about
_CHUNK = 32  # planes of a store's chunk
_NEIGHBOURS = 2  # planes beyond the halo: a cell's neighbours, and a rounding


class _Part(NamedTuple):
    """Some planes of a map: the overlap around them, and the planes themselves."""

    low: int
    start: int
    stop: int
    high: int


@dataclass(frozen=True)
class MapPicking:
    """The picks of one object from its score map, all at once or in parts.

    Attributes
    ----------
    scores
        The maps.
    channel
        The object's.
    module, settings
        The picker.
    radius
        The object's, in ångström.
    threshold
        Lowest score of a pick.
    """

    scores: ScoreMap
    channel: int
    module: Any
    settings: Any
    radius: float
    threshold: float

    @property
    def name(self) -> str:
        """The object's."""
        return self.scores.objects[self.channel]

    @property
    def in_parts(self) -> bool:
        """Whether the map is looked at in parts."""
        return not isinstance(self.scores.data, np.ndarray) and hasattr(self.module, "halo")

    @property
    def takes_memory(self) -> bool:
        """Whether a whole map is read from disk."""
        return not (isinstance(self.scores.data, np.ndarray) or self.in_parts)

    def find(self) -> Picks:
        """Find the picks, best first."""
        if not self.in_parts:
            whole = np.asarray(self.scores.data[self.channel])
            return self._find(whole, self.scores.geometry)
        if hasattr(self.module, "settle"):
            return self._find_in_two_steps()
        found = [self._own(part) for part in self._parts()]
        return Picks.concatenate(found).best_first()

    def _find(self, score: Float[np.ndarray, "z y x"], geometry: Geometry) -> Picks:
        """Pick a whole map, or a part as if it were one."""
        found: Picks = self.module.find_picks(
            score,
            geometry=geometry,
            radius=self.radius,
            name=self.name,
            threshold=self.threshold,
            settings=self.settings,
        )
        return found

    def _find_in_two_steps(self) -> Picks:
        """Find the maxima part by part, and choose among those of the whole map."""
        geometry = self.scores.geometry
        found = []
        for part in self._parts():
            score, lattice = self._read(part)
            check(score, lattice, name=self.name, threshold=self.threshold)
            peaks = self.module.peaks(
                score,
                planes=slice(part.start - part.low, part.stop - part.low),
                first=part.low,
                spacing=geometry.cell_spacing,
                threshold=self.threshold,
                settings=self.settings,
            )
            found.append(peaks)
        joined = type(found[0])(*map(np.concatenate, zip(*found, strict=True)))
        picks: Picks = self.module.settle(
            joined,
            geometry=geometry,
            radius=self.radius,
            name=self.name,
            settings=self.settings,
        )
        return picks[picks.score_array >= self.threshold]

    def _own(self, part: _Part) -> Picks:
        """Pick a part, and keep what lies in its own planes."""
        geometry = self.scores.geometry
        found = self._find(*self._read(part))
        shift = np.array([part.low * geometry.cell_spacing, 0.0, 0.0])
        found = replace(found, zyx=found.zyx + shift, extent=geometry.extent)
        plane = np.floor(geometry.to_cells(found.zyx)[:, 0] + 0.5)
        plane = np.clip(plane, 0, geometry.cells[0] - 1)
        return found[(plane >= part.start) & (plane < part.stop)]

    def _parts(self) -> Iterator[_Part]:
        """Cut the map along z."""
        geometry = self.scores.geometry
        depth, rows, columns = geometry.cells
        reach = self.module.halo(self.radius, self.settings) / geometry.cell_spacing
        halo = math.ceil(reach) + _NEIGHBOURS
        # Parts thinner than their overlap would read the map several times.
        planes = max(_PART // (2 * rows * columns), halo, 1)
        step = -(-planes // _CHUNK) * _CHUNK
        for start in range(0, depth, step):
            stop = min(start + step, depth)
            yield _Part(max(start - halo, 0), start, stop, min(stop + halo, depth))

    def _read(self, part: _Part) -> tuple[Float[np.ndarray, "z y x"], Geometry]:
        """Read a part with its overlap, and say where its cells lie from its own corner."""
        geometry = self.scores.geometry
        z, y, x = geometry.shape
        depth = min(part.high * geometry.stride, z) - part.low * geometry.stride
        score = np.ascontiguousarray(self.scores.data[self.channel, part.low : part.high])
        return score, replace(geometry, shape=(depth, y, x))
