"""Cross-validation over runs: one training per fold, each picking the runs it did not see.

Folds are trainings of their own in folders of their own, so they can be stopped, gone on with,
and done on several machines. What a fold found on its held-out runs is kept beside its weights;
``tuning.out_of_fold`` makes the score of all folds from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks, by_run
from tomoscout.data.folds import Fold, k_folds, leave_one_out
from tomoscout.inference.detect import FLOOR, pick
from tomoscout.inference.weights import Detector, load_detector
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.project import Project
from tomoscout.training._folder import find_checkpoint
from tomoscout.training.recipe import Recipe
from tomoscout.training.run import record_of
from tomoscout.tuning.out_of_fold import FoldPicks

CANDIDATES = "held_out.csv"
"""What a fold's detector found on its held-out runs, from the lowest sensible score on."""


@dataclass(frozen=True)
class Part:
    """One fold of a cross-validation.

    Attributes
    ----------
    name
        What it is called in the summary.
    fold
        Runs trained on and held out.
    folder
        Where its training goes.
    """

    name: str
    fold: Fold
    folder: Path

    @property
    def candidates(self) -> Path:
        """The file that is there when the fold is done."""
        return self.folder / CANDIDATES


def plan_parts(project: Project, output: Path, *, k: int | None = None) -> list[Part]:
    """Say which folds there are.

    Parameters
    ----------
    project
        Its runs with picks are dealt out.
    output
        Holds a folder per fold.
    k
        Number of folds; one per run when not given.

    Raises
    ------
    UserError
        If there are too few runs.
    """
    names = [run.name for run in project.runs if run.has_picks]
    if k is not None:
        folds = k_folds(names, k)
        titles = [str(index) for index in range(k)]
    else:
        folds = leave_one_out(names)
        titles = [fold.validation[0].replace("/", "_") for fold in folds]
    return [
        Part(title, fold, output / f"fold_{title}")
        for title, fold in zip(titles, folds, strict=True)
    ]


def choose_parts(parts: Sequence[Part], indices: Sequence[int] | None) -> list[Part]:
    """Return the folds of these indices, or all.

    Raises
    ------
    UserError
        If an index is out of range.
    """
    if indices is None:
        return list(parts)
    wrong = [index for index in indices if not 0 <= index < len(parts)]
    if wrong:
        raise UserError(
            f"fold {wrong[0]}: there are {len(parts)} folds, choose 0 to {len(parts) - 1}"
        )
    return [parts[index] for index in dict.fromkeys(indices)]


def is_done(part: Part, project: Project, recipe: Recipe, *, init: Detector | None = None) -> bool:
    """Tell whether a fold has been trained and picked with this recipe.

    Raises
    ------
    UserError
        If its folder holds something else.
    """
    record = record_of(recipe, part.fold, project.objects, init)
    find_checkpoint(part.folder, record, overwrite=False)
    return part.candidates.is_file()


def pick_held_out(
    part: Part,
    project: Project,
    recipe: Recipe,
    *,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> None:
    """Pick the held-out runs of a fold that has been trained; after that it is done.

    Parameters
    ----------
    part
        The fold.
    project
        Has its runs.
    recipe
        Says the kind of tomogram.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    progress
        Told the share done, 0 to 1.
    """
    detector = load_detector(part.folder)
    floor = dict.fromkeys(detector.objects.names, FLOOR)
    names, found = part.fold.validation, []
    for done, name in enumerate(names):
        volume = project[name].tomogram(recipe.kind)
        found.append(replace(pick(volume, detector, thresholds=floor, device=device), run=name))
        if progress is not None:
            progress((done + 1) / len(names))
    write_picks(found, part.candidates, overwrite=True)


def read_part(part: Part, project: Project) -> FoldPicks:
    """Read what a fold found on its held-out runs, and their truth."""
    names = part.fold.validation
    found = by_run(read_picks(part.candidates, objects=project.objects))
    known = set(project.objects.names)
    truth = []
    for name in names:
        picks = replace(project[name].picks(), run=name)
        objects = [str(entry) in known for entry in picks.objects]
        truth.append(picks[objects] if len(picks) else picks)
    return FoldPicks([found.get(name, Picks.empty(name)) for name in names], truth)
