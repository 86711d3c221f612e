"""The runs of a project that one can learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.io.project import Project

T = TypeVar("T")


def drawn(runs: Sequence[T], count: int, *, seed: int) -> list[T]:
    """Draw as many runs as are to be learnt from, in their order; all where there are not more."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(runs))[:count])
    return [runs[i] for i in chosen.tolist()]


def annotated(project: Project, purpose: str) -> list[str]:
    """Return the names of the runs with picks.

    Parameters
    ----------
    project
        Runs with and without picks.
    purpose
        What they are needed for, for the message.

    Raises
    ------
    UserError
        If there is none.
    """
    found = [run.name for run in project.runs if run.has_picks]
    if not found:
        raise UserError(
            f"{project.path}: no run has picks to {purpose} on: put pick files beside the "
            "tomograms, or give a project that has some"
        )
    return found
