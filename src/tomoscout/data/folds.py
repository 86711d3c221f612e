"""Which runs are trained on and which are held out: always whole runs.

Patches of one tomogram resemble each other, so a score on held-out patches of a run that was
trained on says nothing. Names are sorted first: a fold depends on which runs there are, not
on the order they are found in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tomoscout.core.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Fold:
    """A split of runs.

    Attributes
    ----------
    train
        Names of the runs to train on, sorted.
    validation
        Names of the runs held out, sorted; may be empty.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]


def leave_one_out(names: Sequence[str]) -> list[Fold]:
    """Return one fold per run, which holds that run out.

    Raises
    ------
    UserError
        If there are fewer than two runs, or a name occurs twice.
    """
    names = _sorted(names)
    if len(names) < 2:
        raise UserError(
            f"{len(names)} run with picks ({', '.join(names)}): at least 2 are needed to hold one "
            "out; add runs, or hold out none (--validation none)"
        )
    return [_hold_out(names, [name]) for name in names]


def k_folds(names: Sequence[str], k: int, *, seed: int = 0) -> list[Fold]:
    """Deal the runs out at random into ``k`` folds of nearly equal size.

    Raises
    ------
    UserError
        If there are fewer runs than folds, ``k`` is below 2, or a name occurs twice.
    """
    names = _sorted(names)
    if not 2 <= k <= len(names):
        raise UserError(f"{k} folds of {len(names)} runs: choose from 2 to the number of runs")
    order = np.random.default_rng(seed).permutation(len(names))
    return [_hold_out(names, [names[i] for i in order[fold::k]]) for fold in range(k)]


def split(names: Sequence[str], *, fold: int = 0, validation: Sequence[str] | None = None) -> Fold:
    """Split runs by name, or by the index of a leave-one-out fold.

    Parameters
    ----------
    names
        All runs that have picks.
    fold
        Which run, by sorted name, is held out; unused when ``validation`` is given.
    validation
        Runs to hold out; an empty list trains on all of them.

    Raises
    ------
    UserError
        If a name is unknown or occurs twice, the index is out of range, or no run is left.
    """
    if validation is None:
        folds = leave_one_out(names)
        if not 0 <= fold < len(folds):
            raise UserError(
                f"fold {fold}: there are {len(folds)} runs, choose 0 to {len(folds) - 1}"
            )
        return folds[fold]
    names = _known(names, validation)
    chosen = _hold_out(names, validation)
    if not chosen.train:
        raise UserError("every run is held out for validation: leave one or more to train on")
    return chosen


def validate_only(names: Sequence[str], validation: Sequence[str] | None = None) -> Fold:
    """Return the fold of a training that learns from something else than these runs.

    Parameters
    ----------
    names
        All runs that have picks.
    validation
        Runs to validate on; by default all of them.

    Raises
    ------
    UserError
        If a name is unknown or occurs twice.
    """
    chosen = names if validation is None else validation
    return Fold(train=(), validation=_hold_out(_known(names, chosen), chosen).validation)


def _known(names: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """Sort names, and refuse a choice of others."""
    names = _sorted(names)
    for name in _sorted(chosen):
        if name not in names:
            raise UserError(
                f"unknown validation run '{name}': there are {', '.join(names)}."
                + did_you_mean(name, names)
            )
    return names


def _sorted(names: Sequence[str]) -> list[str]:
    """Sort names, and refuse those that occur twice."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UserError(f"run names must differ, found twice: {', '.join(twice)}")
    return sorted(names)


def _hold_out(names: Sequence[str], held: Sequence[str]) -> Fold:
    """Split sorted names."""
    return Fold(
        train=tuple(name for name in names if name not in held),
        validation=tuple(name for name in names if name in held),
    )
