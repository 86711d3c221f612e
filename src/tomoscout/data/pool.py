"""Runs in memory, and the draw of one patch from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tomoscout.core.geometry import Shape
from tomoscout.core.objects import ObjectTable
from tomoscout.data.runs import TrainingRun
from tomoscout.data.sampling import Sampler, SamplingSettings

Key = tuple[int, int]
"""Epoch, and index of the patch in it."""


class Cut(NamedTuple):
    """A patch to cut."""

    run: TrainingRun
    """What it is cut from."""
    start: Shape
    """Its first voxel; negative only where the tomogram is smaller than the patch."""


class Pool:
    """Runs, each patch drawn from all of them.

    Parameters
    ----------
    runs
        What to draw from. Forked workers share their memory.
    objects
        Objects to balance.
    sampling
        Which patches are drawn.

    Raises
    ------
    UserError
        If an object has no particle in the runs, unless that is allowed.
    """

    def __init__(
        self, runs: Sequence[TrainingRun], *, objects: ObjectTable, sampling: SamplingSettings
    ) -> None:
        self.runs = list(runs)
        self._sampler = Sampler(
            [run.volume.geometry for run in self.runs],
            [run.picks for run in self.runs],
            objects=objects,
            settings=sampling,
        )

    def draw(self, key: Key, rng: np.random.Generator) -> Cut:
        """Draw a patch; these runs are the same for every key."""
        run, start = self._sampler.draw(rng)
        return Cut(self.runs[run], start)
