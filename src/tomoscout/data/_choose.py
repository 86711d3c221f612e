"""Which tomograms and labels of a run are trained on, and its labels read into memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.volume import Volume
from tomoscout.io.project import Run
from tomoscout.ops.normalise import slabs

logger = logging.getLogger(__name__)

_FAVOURITES = ("class_mask", "objects")  # SHREC's, and what `simulate --truth` writes


def choose_kinds(
    runs: Sequence[Run], kind: str | None, kinds: Sequence[str]
) -> list[list[str | None]]:
    """Return the kinds of tomogram to load of each run.

    Parameters
    ----------
    runs
        The runs.
    kind
        The one kind, or None for each run's default, where no ``kinds`` are given.
    kinds
        Kinds wanted: of each run those that it has.

    Raises
    ------
    UserError
        If a kind that no run has is nearly one there is, or a run has none of them while others do.
    """
    there = list(dict.fromkeys(k for run in runs for k in run.tomograms))
    for wanted in set(kinds) - set(there) if runs else ():
        if hint := did_you_mean(wanted, there):
            raise UserError(
                f"kinds: no run has a tomogram '{wanted}', found {', '.join(there)}.{hint}"
            )
    if not set(kinds) & set(there):
        if kinds and runs:  # a recipe asks for what its data set had; this one has what it has
            logger.warning("kinds: no run has %s; trained on the usual one", ", ".join(kinds))
        return [[kind] for _ in runs]
    if missing := [k for k in kinds if k not in there]:
        logger.warning("kinds: no run has %s; trained on the others", ", ".join(missing))
    chosen: list[list[str | None]] = []
    for run in runs:
        found: list[str | None] = [k for k in dict.fromkeys(kinds) if k in run.tomograms]
        if not found:
            raise UserError(
                f"run '{run.name}': has none of the kinds {', '.join(kinds)}, only "
                f"{', '.join(run.tomograms) or 'picks'}: add one to kinds, or leave the run out"
            )
        chosen.append(found)
    return chosen


def choose_labels(run: Run, name: str | None) -> str:
    """Return which segmentation of a run holds its labels.

    Raises
    ------
    UserError
        If the run has none of that name; or several and no name is given, unless one is called
        ``class_mask`` or ``objects``, as in SHREC's data and in simulations.
    """
    there = list(run.segmentations)
    if name is not None and name in there:
        return name
    favourites = [known for known in _FAVOURITES if known in there] or there
    if name is None and len(favourites) == 1:
        return favourites[0]
    if not there:
        raise UserError(
            f"run '{run.name}': no label volume, which this target learns from: make one with "
            "'tomoscout prepare', or choose another target"
        )
    if name is None:
        raise UserError(
            f"run '{run.name}': several label volumes, {', '.join(there)}: choose one with "
            "--data.labels"
        )
    raise UserError(
        f"data.labels: run '{run.name}' has no label volume '{name}', found "
        f"{', '.join(there)}.{did_you_mean(name, there)}"
    )


def read_labels(run: Run, name: str) -> Volume:
    """Read a segmentation into memory as labels of the run's table; whatever else it holds is 0.

    Raises
    ------
    UserError
        If it holds values that are no labels.
    """
    volume = run.segmentation(name)
    table = np.zeros(256, np.uint8)
    table[: len(run.objects) + 1] = np.arange(len(run.objects) + 1)
    if run.segmentation_names:
        known = run.objects.names
        table[:] = 0
        for value, meaning in run.segmentation_names.items():
            if meaning in known:
                table[value] = run.objects.label(meaning)
    labels = np.empty(volume.shape, np.uint8)
    for z in slabs(volume):
        values = np.asarray(volume.data[z])
        with np.errstate(invalid="ignore"):
            whole = values.astype(np.uint8)
        if not np.array_equal(whole, values):
            raise UserError(
                f"run '{run.name}': segmentation '{name}' holds other values than whole numbers "
                "from 0 to 255: it is no volume of labels; choose another with --data.labels"
            )
        labels[z] = table[whole]
    return replace(volume, data=labels)
