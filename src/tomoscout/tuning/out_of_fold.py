"""Honest scores of a cross-validation: no run helps to choose the thresholds it is scored with.

Every run is picked by the detector that did not see it. The thresholds of a fold's runs are those
that score best on the runs of all other folds, so what is measured is how a detector does on a
tomogram nobody has looked at. Counts are pooled over the runs, as in the CZII challenge; scores
of single folds stand beside them and say how much luck there is in one tomogram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics import Result, czii
from tomoscout.tuning.bootstrap import Bootstrap, bootstrap
from tomoscout.tuning.thresholds import sweep


@dataclass(frozen=True)
class FoldPicks:
    """What a fold's detector found on the runs it did not see.

    Attributes
    ----------
    candidates
        Picks of each run, taken at a threshold low enough to leave a choice.
    truth
        Annotated particles of the same runs.
    """

    candidates: Sequence[Picks]
    truth: Sequence[Picks]


@dataclass(frozen=True)
class OutOfFold:
    """The score of a cross-validation.

    Attributes
    ----------
    folds
        The result of each fold, with thresholds from the others.
    thresholds
        Of each object, by fold: those its runs were picked with.
    final
        Thresholds from all folds together: for new tomograms, never for these.
    """

    folds: Mapping[str, Result]
    thresholds: Mapping[str, Mapping[str, float]]
    final: Mapping[str, float]

    @property
    def pooled(self) -> Result:
        """The counts of all folds together."""
        return reduce(add, self.folds.values())

    def intervals(self, *, seed: int = 0) -> Bootstrap:
        """Return how far the pooled scores may be off by the luck of which runs there were."""
        return bootstrap(self.pooled, seed=seed)

    def spread(self, name: str) -> tuple[float, float]:
        """Return mean and standard deviation over folds of an object's F-beta, or of the score.

        Folds whose truth lacks the object are left out; NaN where all do.

        Parameters
        ----------
        name
            An object, or ``weighted`` for the mean by weight over the objects a fold has.
        """
        of_folds = [_score(result, name) for result in self.folds.values()]
        scores = [score for score in of_folds if score is not None]
        if not scores:
            return float("nan"), float("nan")
        return float(np.mean(scores)), float(np.std(scores))


def score_folds(
    folds: Mapping[str, FoldPicks], *, objects: ObjectTable, spread: float, floor: float
) -> OutOfFold:
    """Score each fold with thresholds from all others.

    Parameters
    ----------
    folds
        By name; two or more, each with runs of its own.
    objects
        Radii and weights.
    spread
        By what factor scores of other tomograms are expected to be off: see ``Sweep.steady``.
    floor
        Threshold that the candidates were picked with.

    Raises
    ------
    UserError
        If there is only one fold, which leaves nothing to tune on.
    """
    if len(folds) < 2:
        raise UserError(
            f"{len(folds)} fold: thresholds come from other folds than the one they are used on, "
            "so two or more are needed"
        )

    def tuned_on(names: Sequence[str]) -> dict[str, float]:
        found = [picks for name in names for picks in folds[name].candidates]
        truth = [picks for name in names for picks in folds[name].truth]
        sweeps = sweep(found, truth, objects=objects, floor=floor)
        return {name: s.steady(spread).threshold for name, s in sweeps.items()}

    thresholds = {name: tuned_on([other for other in folds if other != name]) for name in folds}
    results = {
        name: czii.score(
            [picks.above(thresholds[name]) for picks in fold.candidates],
            fold.truth,
            objects=objects,
        )
        for name, fold in folds.items()
    }
    return OutOfFold(results, thresholds, tuned_on(list(folds)))


def _score(result: Result, name: str) -> float | None:
    """Return a fold's F-beta of an object, or its weighted mean; None without truth."""
    f_beta = {n: f for n, f in result.f_beta.items() if n not in result.absent}
    if name != "weighted":
        return f_beta.get(name)
    weights = {o.name: o.weight for o in result.objects.each() if o.name in f_beta}
    if not any(weights.values()):  # a table that scores nothing: all objects count alike
        weights = dict.fromkeys(f_beta, 1.0)
    total = sum(weights.values())
    return sum(weights[n] * f_beta[n] for n in f_beta) / total if total else None
