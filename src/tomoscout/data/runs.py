"""Runs held in memory for training, each tomogram once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.project import Run
from tomoscout.ops.normalise import NormaliseSettings, measure, slabs
from tomoscout.ops.precision import to_half

_SPACING_TOLERANCE = 0.02  # relative; CZII's 10.012 Å and a nominal 10 Å are the same

_AT_ONCE = 1 << 28  # voxels, 1 GiB; below it a tomogram is decompressed once instead of thrice


@dataclass(frozen=True)
class TrainingRun:
    """A run held in memory.

    Attributes
    ----------
    volume
        Normalised tomogram, as float16: half the memory, and finer than its noise.
    picks
        Its particles, in ångström.
    """

    volume: Volume
    picks: Picks

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.volume.name

    @property
    def voxel_spacing(self) -> float:
        """Edge of one voxel, in ångström."""
        return self.volume.voxel_spacing


def load_run(volume: Volume, picks: Picks, *, normalise: NormaliseSettings) -> TrainingRun:
    """Normalise a tomogram into memory; one that is large is read slab by slab.

    Raises
    ------
    UserError
        If its voxels cannot be normalised (NaN, constant).
    """
    if np.prod(volume.shape) <= _AT_ONCE:
        volume = volume.load()
    scale = measure(volume, normalise)
    data = np.empty(volume.shape, np.float16)
    for z in slabs(volume):
        data[z] = to_half(scale.apply(volume.read(z)))
    return TrainingRun(replace(volume, data=data), picks)


def load_runs(
    runs: Sequence[Run],
    normalise: NormaliseSettings,
    *,
    kind: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[TrainingRun]:
    """Load the runs to train on.

    Parameters
    ----------
    runs
        Runs with picks, each name once.
    normalise
        How grey values are brought to one scale.
    kind
        Kind of tomogram; None takes the run's default.
    progress
        Called with the share that is done, up to 1.

    Raises
    ------
    UserError
        If a name occurs twice, voxel spacings differ, or a tomogram or its picks cannot be read.
    """
    names = [run.name for run in runs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"run names must differ, found twice: {', '.join(twice)}")
    opened = [run.tomogram(kind) for run in runs]
    for volume in opened:
        if abs(volume.voxel_spacing / opened[0].voxel_spacing - 1) > _SPACING_TOLERANCE:
            raise UserError(
                f"run '{volume.name}' has voxels of {volume.voxel_spacing:g} Å and "
                f"'{opened[0].name}' of {opened[0].voxel_spacing:g} Å: train on one voxel size"
            )
    loaded = []
    for done, (run, volume) in enumerate(zip(runs, opened, strict=True), start=1):
        loaded.append(load_run(volume, run.picks(), normalise=normalise))
        if progress is not None:
            progress(done / len(runs))
    return loaded
