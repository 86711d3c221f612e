"""What a row is tuned to, from score maps of runs that it is not scored on.

Rows that look at the same maps with the same picker share what was found there: folds of one
experiment, and a threshold per object beside one for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tomoscout.campaigns._jobs import MapJob, Row, digest
from tomoscout.campaigns.settings import CARD
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.parameters import Parameters
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.inference.detect import FLOOR, resolve_thresholds
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.find_all import choose_picker, find_all
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.weights import Detector
from tomoscout.metrics import czii
from tomoscout.tuning.bootstrap import bootstrap
from tomoscout.tuning.candidates import Candidates, collect, sweep_candidates
from tomoscout.tuning.search import SearchPlan, search
from tomoscout.tuning.shared import shared_points, weighted
from tomoscout.tuning.thresholds import Best, Sweep

_KEPT = 4  # tables of candidates held in memory


@dataclass(frozen=True)
class Look:
    """What a model thinks of a run, and what is there.

    Attributes
    ----------
    name
        Of run and model: a run that two models look at counts twice.
    scores
        The score map.
    truth
        The annotations.
    """

    name: str
    scores: ScoreMap
    truth: Picks


@dataclass(frozen=True)
class _Found:
    """What a picker found in some looks, by object."""

    candidates: Mapping[str, list[Candidates]]
    sweeps: Mapping[str, Sweep]


@dataclass
class Tuner:
    """Tunes rows, one after the other.

    Attributes
    ----------
    look
        Opens the score map of a job, and reads its truth.
    objects
        Radii and weights.
    studies
        File in which trials of a search are kept.
    """

    look: Callable[[MapJob], Look]
    objects: ObjectTable
    studies: Path | None = None
    _found: dict[str, _Found] = field(default_factory=dict)

    def tune(self, row: Row, model: Detector | Ensemble) -> Parameters:
        """Return the parameters of a row, given its model."""
        pickers = fixed_pickers(row.picker, model)
        if row.tuning == "default":
            return Parameters(
                thresholds=resolve_thresholds(model), pickers=pickers, **_made_by(row)
            )
        # Objects that the model does not find, or that are not scored, cannot be tuned.
        known = [entry for entry in self.objects.each() if entry.name in model.objects.names]
        table = ObjectTable(objects=tuple(known))
        if row.tuning == "search":
            pickers = self._search(row, model, table, pickers)
        found = self._collect(row, model, table, pickers)
        points = _points(row, found.sweeps, table)
        score = {name: point.f_beta for name, point in points.items()}
        weights = {entry.name: entry.weight for entry in table.each()}
        return Parameters(
            thresholds={name: point.threshold for name, point in points.items()},
            pickers=pickers,
            together=model.card.together,
            **_made_by(row),
            tuned_on=tuple(dict.fromkeys(job.run.name for job in row.tuned)),
            spread=row.spread,
            score=score | {"weighted": weighted(points, weights)},
            intervals=self._intervals(row, found, points, table),
            notes="; ".join(one.caution for one in found.sweeps.values() if one.caution),
        )

    def _search(
        self,
        row: Row,
        model: Detector | Ensemble,
        table: ObjectTable,
        pickers: Mapping[str, Choice],
    ) -> dict[str, Choice]:
        """Return the best picker's settings of each object."""
        asked = row.search
        plan = SearchPlan(
            method=asked.method,
            trials=asked.trials,
            shared=asked.shared or model.card.together,  # one map has one picker
            spread=row.spread,
            floor=FLOOR,
            seed=asked.seed,
            spaces=asked.space,
            storage=self.studies,
            key=digest([[job.identity for job in row.tuned], model.card.together]),
        )
        return search(
            [self.look(job) for job in row.tuned],
            objects=table,
            pickers={n: [choose_picker(model, n, pickers=pickers)] for n in table.names},
            plan=plan,
            draw=_drawing(model),
        )

    def _collect(
        self,
        row: Row,
        model: Detector | Ensemble,
        table: ObjectTable,
        pickers: Mapping[str, Choice],
    ) -> _Found:
        """Return what the pickers find in the looks of a row, kept for the rows that follow."""
        chosen = {n: choose_picker(model, n, pickers=pickers) for n in table.names}
        radii = [[entry.name, entry.radius] for entry in model.objects.each()]
        each = {name: choice.model_dump(mode="json") for name, choice in chosen.items()}
        key = digest(
            [[[job.identity, job.run.truth] for job in row.tuned], each, radii, model.card.together]
        )
        if key not in self._found:
            looks = [self.look(job) for job in row.tuned]
            truth = _truth(looks)
            candidates, sweeps = {}, {}
            for entry in table.each():
                mine = collect(looks, entry, chosen[entry.name], floor=FLOOR, draw=_drawing(model))
                candidates[entry.name] = mine
                sweeps[entry.name] = sweep_candidates(mine, truth, entry, floor=FLOOR)
            while len(self._found) >= _KEPT:
                del self._found[next(iter(self._found))]
            self._found[key] = _Found(candidates, sweeps)
        return self._found[key]

    def _intervals(
        self, row: Row, found: _Found, points: Mapping[str, Best], table: ObjectTable
    ) -> dict[str, tuple[float, float]]:
        """Return how far the scores may be off by the luck of which runs there were."""
        picks = [
            part.at(points[name].threshold)
            for name, parts in found.candidates.items()
            for part in parts
        ]
        truth = _truth([self.look(job) for job in row.tuned])
        known = [Picks.concatenate([t[:0], *(t.of(name) for name in table.names)]) for t in truth]
        return bootstrap(czii.score(picks, known, objects=table)).intervals


def fixed_pickers(picker: Choice, model: Detector | Ensemble) -> dict[str, Choice]:
    """Return the picker of each object: the one given, or none where the weights' own is meant."""
    return {} if picker.name == CARD else dict.fromkeys(model.objects.names, picker)


def _made_by(row: Row) -> dict[str, Any]:
    """Return the views and the ensemble of a row's score maps, as picking must use them."""
    views = {"tta": row.tta, "average": row.tested[0].window.average if row.tta != "none" else None}
    scorer = row.scorer
    if scorer.strategy == "best_single":
        return views
    is_expert = scorer.strategy == "ensemble_specialists"
    return {**views, "ensemble": "specialists" if is_expert else "mean", "blend": scorer.blend}


def _points(row: Row, sweeps: Mapping[str, Sweep], table: ObjectTable) -> Mapping[str, Best]:
    """Return the operating point of each object."""
    is_shared = row.tuning == "global" or (row.tuning == "search" and row.search.shared)
    if is_shared:
        weights = {entry.name: entry.weight for entry in table.each()}
        return shared_points(sweeps, weights, spread=row.spread)
    return {name: one.steady(row.spread) for name, one in sweeps.items()}


def _drawing(
    model: Detector | Ensemble,
) -> Callable[[ScoreMap, ObjectType, Choice, float], Picks]:
    """Return what draws picks as they are drawn when they are scored."""

    def draw(scores: ScoreMap, entry: ObjectType, choice: Choice, threshold: float) -> Picks:
        limits, pickers = {entry.name: threshold}, {entry.name: choice}
        return find_all(scores, model, thresholds=limits, pickers=pickers)

    return draw


def _truth(looks: Sequence[Look]) -> list[Picks]:
    """Return the annotations under the names of the looks."""
    return [replace(look.truth, run=look.name) for look in looks]
