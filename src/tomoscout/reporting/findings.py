"""What goes on a page, and what is worked out from it before anything is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.metrics import (
    REACH,
    Result,
    average_precision,
    confusion,
    czii,
    depth_and_border,
    localisation,
)
from tomoscout.metrics._matched import match_runs
from tomoscout.metrics.average_precision import Ranking
from tomoscout.metrics.confusion import Confusion
from tomoscout.metrics.depth_and_border import DepthAndBorder
from tomoscout.metrics.localisation import Localisation
from tomoscout.reporting.outcomes import Outcome, judge
from tomoscout.tuning.thresholds import Sweep, sweep


@dataclass(frozen=True)
class RunData:
    """What is known of one run.

    Attributes
    ----------
    name
        The run.
    picks
        The picks to judge, at their operating thresholds.
    volume
        The tomogram, for pictures; only slices and crops of it are read.
    truth
        The particles that are there.
    candidates
        Picks before thresholds, for the curves; the picks themselves when not given.
    """

    name: str
    picks: Picks
    volume: Volume | None = None
    truth: Picks | None = None
    candidates: Picks | None = None


@dataclass(frozen=True)
class ReportData:
    """What goes on a page; all but the first three may be missing.

    Attributes
    ----------
    title
        Heading of the page.
    objects
        The objects, with colours and radii.
    runs
        The runs.
    thresholds
        Operating threshold of each object; the lowest score picked when not given.
    history
        Training log, one row per epoch, as ``training_curves.read_history`` returns it.
    settings
        The resolved recipe.
    versions
        Names and versions of the software.
    command
        What to type to make the page again.
    made
        When it was made.
    """

    title: str
    objects: ObjectTable
    runs: tuple[RunData, ...]
    thresholds: Mapping[str, float] | None = None
    history: pd.DataFrame | None = None
    settings: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    made: str = ""


@dataclass(frozen=True, eq=False)
class Errors:
    """A closer look at hits, misses and false alarms, over the runs that have truth.

    Attributes
    ----------
    ranking
        Picks by score, before thresholds where they are known.
    localisation
        How far off the hits are.
    confusion
        What the particles are called.
    places
        Where misses and false alarms are.
    """

    ranking: Ranking
    localisation: Localisation
    confusion: Confusion
    places: DepthAndBorder


@dataclass(frozen=True)
class Findings:
    """A report's data and what follows from it.

    Attributes
    ----------
    data
        The data.
    outcomes
        One per run: hits, false alarms and missed particles.
    candidates
        The same before thresholds.
    result
        The score over the runs that have truth; None when none has.
    sweeps
        The score of each object at every threshold, over the same runs.
    thresholds
        Operating threshold of each object that was picked.
    errors
        A closer look at what is right and wrong; None without truth.
    """

    data: ReportData
    outcomes: tuple[Outcome, ...]
    candidates: tuple[Outcome, ...]
    result: Result | None
    sweeps: dict[str, Sweep]
    thresholds: dict[str, float]
    errors: Errors | None = None

    @property
    def is_judged(self) -> bool:
        """Whether any run has truth."""
        return self.result is not None


def examine(data: ReportData) -> Findings:
    """Work out outcomes, scores and curves.

    Raises
    ------
    UserError
        If a pick or a particle has a name that the object table lacks.
    """
    objects, judged = data.objects, [r for r in data.runs if r.truth is not None]
    truth = [replace(r.truth, run=r.name) for r in judged if r.truth is not None]
    picks = [replace(r.picks, run=r.name) for r in judged]
    every = [replace(_candidates(r), run=r.name) for r in judged]
    return Findings(
        data,
        outcomes=tuple(judge(r.picks, r.truth, objects=objects) for r in data.runs),
        candidates=tuple(judge(_candidates(r), r.truth, objects=objects) for r in data.runs),
        result=czii.score(picks, truth, objects=objects) if judged else None,
        sweeps=sweep(every, truth, objects=objects) if judged else {},
        thresholds=_thresholds(data),
        errors=_errors(judged, picks, every, truth, objects) if judged else None,
    )


def _errors(
    runs: Sequence[RunData],
    picks: Sequence[Picks],
    candidates: Sequence[Picks],
    truth: Sequence[Picks],
    objects: ObjectTable,
) -> Errors:
    """Match picks and truth one to one, and look at what is left."""
    matched = match_runs(picks, truth, objects=objects, radius_fraction=REACH)
    extents = {run.name: run.volume.geometry.extent for run in runs if run.volume is not None}
    return Errors(
        average_precision.score(candidates, truth, objects=objects),
        localisation.measure(matched, objects=objects),
        confusion.measure(matched, objects=objects),
        depth_and_border.measure(matched, objects=objects, extents=extents),
    )


def _candidates(run: RunData) -> Picks:
    """Return the picks before thresholds, as far as they are known."""
    return run.picks if run.candidates is None else run.candidates


def _thresholds(data: ReportData) -> dict[str, float]:
    """Return the thresholds given, or the lowest scores picked: those were let through."""
    if data.thresholds is not None:
        given = data.thresholds.items()
        return {n: v for n, v in given if n in data.objects.names and math.isfinite(v)}
    parts = [(name, r.picks.of(name).score_array) for r in data.runs for name in r.picks.names]
    return {
        name: float(min(scores.min() for other, scores in parts if other == name))
        for name in {name for name, _ in parts}
    }
