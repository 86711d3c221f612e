"""Runs held in memory for training: each kind of tomogram once, and labels where they are needed.

Float16 takes 2 bytes per voxel: a tomogram of the CZII challenge 146 MB, in all four kinds 584 MB,
and seven runs of those 4.1 GB. Labels take another byte per voxel, once per run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data._choose import choose_kinds, choose_labels, read_labels
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
    others
        The same run in other kinds, normalised each by its own values; they have its shape.
    labels
        Which object each voxel belongs to: its label in the table, or 0; as uint8.
    """

    volume: Volume
    picks: Picks
    others: tuple[Volume, ...] = ()
    labels: Volume | None = None

    def __post_init__(self) -> None:
        extra = (("kind of tomogram", v) for v in self.others)
        labels = () if self.labels is None else (("label volume", self.labels),)
        for what, volume in (*extra, *labels):
            if volume.shape != self.volume.shape:
                raise UserError(
                    f"run '{self.name}': a {what} has {_words(volume.shape)} voxels (z x y x x), "
                    f"its first tomogram {_words(self.volume.shape)}: they must lie on each other"
                )

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.volume.name

    @property
    def voxel_spacing(self) -> float:
        """Edge of one voxel, in ångström."""
        return self.volume.voxel_spacing

    def one_kind(self, rng: np.random.Generator) -> Volume:
        """Draw one of the kinds, all with the same chance; where there is one, nothing is drawn."""
        kinds = (self.volume, *self.others)
        return kinds[int(rng.integers(len(kinds)))] if self.others else self.volume


def load_run(
    volume: Volume,
    picks: Picks,
    *,
    normalise: NormaliseSettings,
    others: Sequence[Volume] = (),
    labels: Volume | None = None,
) -> TrainingRun:
    """Normalise a tomogram into memory; one that is large is read slab by slab.

    Parameters
    ----------
    volume
        Tomogram.
    picks
        Its particles, in ångström.
    normalise
        How grey values are brought to one scale.
    others
        The same run in other kinds.
    labels
        Label of the object that each voxel belongs to.

    Raises
    ------
    UserError
        If its voxels cannot be normalised (NaN, constant), or shapes differ.
    """
    held = [_held(v, normalise) for v in (volume, *others)]
    return TrainingRun(held[0], picks, tuple(held[1:]), labels)


def load_runs(
    runs: Sequence[Run],
    normalise: NormaliseSettings,
    *,
    kind: str | None = None,
    kinds: Sequence[str] = (),
    needs_labels: bool = False,
    labels: str | None = None,
    find: Callable[[Volume], Picks] | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[TrainingRun]:
    """Load the runs to train on.

    Parameters
    ----------
    runs
        Runs, each name once; with picks, but where there is something to find them.
    normalise
        How grey values are brought to one scale.
    kind
        Kind of tomogram; None takes the run's default. Unused when ``kinds`` are given.
    kinds
        Kinds of tomogram to draw patches from: of each run those that it has.
    needs_labels
        Whether a label volume of each run is loaded as well.
    labels
        Name of the segmentation that is; None takes the only one there is.
    find
        Finds the particles of a tomogram, in place of a run's picks; of several kinds it is given
        the first.
    progress
        Called with the share that is done, up to 1.

    Raises
    ------
    UserError
        If a name occurs twice, voxel spacings differ, a run has none of the kinds or a kind is in
        no run, or a tomogram, its picks or its labels cannot be read.
    """
    names = [run.name for run in runs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"run names must differ, found twice: {', '.join(twice)}")
    chosen = choose_kinds(runs, kind, kinds)
    opened = [[run.tomogram(k) for k in of] for run, of in zip(runs, chosen, strict=True)]
    segmentations = [choose_labels(run, labels) if needs_labels else None for run in runs]
    first = opened[0][0] if opened else None
    for volume in (volume for volumes in opened for volume in volumes):
        if first and abs(volume.voxel_spacing / first.voxel_spacing - 1) > _SPACING_TOLERANCE:
            raise UserError(
                f"run '{volume.name}' has voxels of {volume.voxel_spacing:g} Å and "
                f"'{first.name}' of {first.voxel_spacing:g} Å: train on one voxel size"
            )
    loaded = []
    for done, (run, volumes, name) in enumerate(
        zip(runs, opened, segmentations, strict=True), start=1
    ):
        masks = None if name is None else read_labels(run, name)
        first_kind = _loaded(volumes[0])
        picks = run.picks() if find is None else find(first_kind)
        loaded.append(
            load_run(first_kind, picks, normalise=normalise, others=volumes[1:], labels=masks)
        )
        if progress is not None:
            progress(done / len(runs))
    return loaded


def _held(volume: Volume, normalise: NormaliseSettings) -> Volume:
    """Return a tomogram in memory, normalised."""
    volume = _loaded(volume)
    scale = measure(volume, normalise)
    data = np.empty(volume.shape, np.float16)
    for z in slabs(volume):
        data[z] = to_half(scale.apply(volume.read(z)))
    return replace(volume, data=data)


def _loaded(volume: Volume) -> Volume:
    """Return a tomogram in memory, unless it is a large one."""
    return volume.load() if np.prod(volume.shape) <= _AT_ONCE else volume


def _words(shape: Sequence[int]) -> str:
    """Write a shape out."""
    return " x ".join(map(str, shape))
