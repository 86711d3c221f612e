"""What tuning is given and gives: runs the weights were not trained on, and operating points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomoscout.commands._runs import choose_runs
from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.parameters import Parameters
from tomoscout.core.picks import Picks
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.weights import Detector
from tomoscout.io.project import Project
from tomoscout.tuning.blend import Blended
from tomoscout.tuning.operating import Operating


@dataclass(frozen=True)
class Seen:
    """What weights think of a run, and what is there."""

    name: str
    scores: ScoreMap | Blended
    truth: Picks


@dataclass(frozen=True)
class Tuned:
    """What was found."""

    operating: Operating
    parameters: Parameters


def one_table(detectors: Sequence[Detector]) -> ObjectTable:
    """Return the objects that all detectors find, refusing detectors of different ones."""
    first = detectors[0]
    for other in detectors[1:]:
        if other.objects.names != first.objects.names:
            raise UserError(
                f"{other.source} finds {', '.join(other.objects.names)}, but {first.source} "
                f"{', '.join(first.objects.names)}: give folds of one recipe and project"
            )
    return first.objects


def same_together(detectors: Sequence[Detector]) -> bool:
    """Return whether all detectors pick objects together, refusing those of two minds."""
    joint, *others = [detector.card.together for detector in detectors]
    if any(other != joint for other in others):
        raise UserError(
            "some of these weights pick their objects together and others do not: say --together "
            "or --no-together"
        )
    return joint


def held_out(detector: Detector, project: Project, runs: str | None) -> list[str]:
    """Return the runs to tune on, refusing those the weights were trained on."""
    if runs is None:
        names = [n for n in _annotated(project) if n not in detector.card.trained_on]
    else:
        names = [run.name for run in choose_runs(project, runs)]
    seen = sorted(set(names) & set(detector.card.trained_on))
    if seen or not names:
        every = f"was trained on every annotated run of {project.path}"
        what = f"was trained on {', '.join(seen)}" if seen else every
        raise UserError(
            f"{detector.source}: {what}; thresholds found there would be too high or low "
            "elsewhere: give other runs with --runs"
        )
    return names


def held_out_by_all(detectors: Sequence[Detector], project: Project, runs: str | None) -> list[str]:
    """Return the runs that none of several weights was trained on."""
    each = [held_out(detector, project, runs) for detector in detectors]
    common = [name for name in each[0] if all(name in other for other in each)]
    if not common:
        raise UserError(
            f"{project.path}: every annotated run was trained on by one of "
            f"{', '.join(d.source for d in detectors)}: weights are blended on runs that all of "
            "them have not seen"
        )
    return common


def _annotated(project: Project) -> list[str]:
    """Return the runs that have a truth."""
    names = [run.name for run in project.runs if run.has_picks]
    if not names:
        raise UserError(f"{project.path}: no run has picks to compare with")
    return names
