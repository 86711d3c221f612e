"""Which patches are cut: some around particles, all objects alike, and the rest anywhere.

Particles fill little of a tomogram and some objects are rare, so most patches are placed
around one: first an object is drawn, then one of its particles, then a shift, so that the
network does not learn that particles are in the middle. The rest are drawn evenly over the
tomograms, so that it also sees ice, carbon and beads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field, field_validator

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry, Shape
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings


class SamplingSettings(Settings):
    """How patches are drawn."""

    patch: Shape = (96, 96, 96)
    """Voxels of a patch, (z, y, x)."""
    centred: float = Field(default=0.75, ge=0, le=1)
    """Share of patches around a particle."""
    jitter: float = Field(default=0.3, ge=0, le=0.5)
    """Largest shift of such a patch, as a fraction of its edges; at 0.5 the particle may lie
    anywhere in it."""
    annotated_around: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """How far beyond the radius of each pick everything is annotated, in Å: what is farther from
    all picks is not learnt from, as there may be particles that nobody picked. 0 where all are
    picked. Set ``centred`` to 1 with it: patches without picks teach nothing then."""
    allow_missing: bool = False
    """Train even if no run has a particle of some object; it will not be found afterwards."""

    @field_validator("patch")
    @classmethod
    def _positive(cls, patch: Shape) -> Shape:
        if min(patch) < 1:
            raise ValueError("every edge needs at least one voxel")
        return patch


class Draw(NamedTuple):
    """A patch to cut."""

    run: int
    """Index of the run."""
    start: Shape
    """First voxel of the patch; negative only where the tomogram is smaller than the patch."""


class Sampler:
    """Draws patches from a set of runs.

    Parameters
    ----------
    geometries
        Lattice of each run's tomogram.
    picks
        Particles of each run, in ångström; those outside their tomogram are never drawn.
    objects
        Objects to balance.
    settings
        How to draw.

    Raises
    ------
    UserError
        If no run has a particle of some object, unless that is allowed.
    """

    def __init__(
        self,
        geometries: Sequence[Geometry],
        picks: Sequence[Picks],
        *,
        objects: ObjectTable,
        settings: SamplingSettings,
    ) -> None:
        self.settings = settings
        self._shapes = np.array([geometry.shape for geometry in geometries])
        volumes = self._shapes.prod(axis=1, dtype=np.float64)
        self._shares = np.cumsum(volumes / volumes.sum())
        inside = [
            run[geometry.contains(run.zyx)] for geometry, run in zip(geometries, picks, strict=True)
        ]
        run_of = np.repeat(np.arange(len(inside)), [len(run) for run in inside])
        voxels = np.concatenate(
            [run.zyx / g.voxel_spacing for g, run in zip(geometries, inside, strict=True)]
        )
        names = np.concatenate([np.asarray(run.objects, str) for run in inside])
        members = {name: np.flatnonzero(names == name) for name in objects.names}
        missing = [name for name, rows in members.items() if len(rows) == 0]
        if missing and not settings.allow_missing:
            raise UserError(
                f"no particle of {', '.join(missing)} in the training runs: add runs that have "
                "some, take it out of the table of objects, or set sampling.allow_missing"
            )
        self._pools = [(run_of[rows], voxels[rows]) for rows in members.values() if len(rows)]

    def draw(self, rng: np.random.Generator) -> Draw:
        """Draw one patch."""
        patch = np.array(self.settings.patch)
        if self._pools and rng.random() < self.settings.centred:
            runs, voxels = self._pools[rng.integers(len(self._pools))]
            row = rng.integers(len(runs))
            run = int(runs[row])
            shift = rng.uniform(-self.settings.jitter, self.settings.jitter, 3) + 0.5
            first = np.rint(voxels[row] - shift * (patch - 1)).astype(np.int64)
        else:
            run = min(int(np.searchsorted(self._shares, rng.random())), len(self._shares) - 1)
            first = None
        room = self._shapes[run] - patch  # negative where the patch is larger: it hangs over
        low, high = np.minimum(room, 0), np.maximum(room, 0)
        start = rng.integers(low, high + 1) if first is None else np.clip(first, low, high)
        z, y, x = start.tolist()
        return Draw(run, (z, y, x))
