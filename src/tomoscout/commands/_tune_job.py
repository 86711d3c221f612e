"""The work of ``tune``: from weights and held-out runs to operating points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tomoscout.commands._console import progress
from tomoscout.commands._runs import check_objects
from tomoscout.commands._tune_blend import as_picked
from tomoscout.commands._tune_maps import MapSource
from tomoscout.commands._tune_runs import (
    Seen,
    Tuned,
    held_out,
    held_out_by_all,
    one_table,
    same_together,
)
from tomoscout.commands._weights import load_weights
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.parameters import Parameters
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.inference.detect import FLOOR
from tomoscout.inference.ensemble import join
from tomoscout.inference.find_all import choose_picker, find_all
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.together import one_picker
from tomoscout.inference.weights import Detector
from tomoscout.io.project import Project, open_project
from tomoscout.tuning.blend import Blended, search_shares
from tomoscout.tuning.candidates import Candidates, collect
from tomoscout.tuning.operating import Operating, operate
from tomoscout.tuning.search import SearchPlan, search

Method = Literal["none", "grid", "optuna"]


@dataclass(frozen=True)
class TuneJob:
    """Weights, each with the runs that it is tuned on.

    With ``blended`` weights every run is looked at by all of them, else by those that have not
    been trained on it, each for itself.
    """

    detectors: list[Detector]
    project: Project
    pairs: list[tuple[Detector, str]]
    table: ObjectTable
    truth: Mapping[str, Picks]
    maps: MapSource
    blended: bool
    together: bool

    @classmethod
    def open(
        cls,
        models: Sequence[str | None],
        project: Path,
        *,
        runs: str | None,
        blended: bool,
        together: bool | None,
        maps: MapSource,
        voxel_spacing: float | None,
    ) -> TuneJob:
        """Load the weights, open the project, and choose the runs."""
        detectors = [load_weights(model) for model in models]
        opened = open_project(project, voxel_spacing=voxel_spacing)
        for detector in detectors:
            check_objects(detector, opened, scored=True)
        table = one_table(detectors)
        if blended:
            pairs = [(detectors[0], run) for run in held_out_by_all(detectors, opened, runs)]
        else:
            pairs = [(d, run) for d in detectors for run in held_out(d, opened, runs)]
        truth = {run: opened[run].picks() for _, run in pairs}
        joint = same_together(detectors) if together is None else together
        return cls(detectors, opened, pairs, table, truth, maps, blended, joint)

    def tune(
        self,
        *,
        pickers: list[Choice],
        method: Method,
        trials: int,
        shared: bool,
        spread: float | None,
        storage: Path,
    ) -> Tuned:
        """Find pickers and thresholds."""
        if spread is None:
            recipe = self.detectors[0].card.recipe
            spread = float(recipe.get("training", {}).get("threshold_spread", 0.0))
        choices = dict.fromkeys(self.table.names, pickers[0]) if pickers else {}
        if self.together:
            one_picker(choices or self._own())
        shares: dict[str, tuple[float, ...]] = {}
        if method == "none" and len(pickers) < 2 and not self.blended:
            found = self._collect(choices)
        else:
            looks = [self._kept(detector, run) for detector, run in self.pairs]
            plan = SearchPlan(
                method="grid" if method == "none" else method,
                trials=trials,
                shared=shared or self.together,  # one map has one picker
                spread=spread,
                floor=FLOOR,
                spaces={picker.name: {} for picker in pickers} if method == "none" else None,
                storage=storage,
                key=self.maps.key(self.detectors) + " together" * self.together,
            )
            if method != "none" or len(pickers) > 1:
                choices = self._search(looks, plan, pickers)
            if self.blended:
                choices = choices or self._own()
                shares = self._shares(looks, plan, choices)
                looks = [self._as_picked(look, shares) for look in looks]
            found = {
                entry.name: collect(looks, entry, choices[entry.name], floor=FLOOR, draw=self._draw)
                for entry in self.table.each()
            }
        operating = operate(
            found,
            [replace(self.truth[run], run=_name(d, run)) for d, run in self.pairs],
            objects=self.table,
            floor=FLOOR,
            spread=spread,
            shared=shared,
            defaults=self.detectors[0].card.thresholds,
        )
        parameters = self._parameters(operating, choices, shares, spread=spread)
        return Tuned(operating, parameters)

    def _own(self) -> dict[str, Choice]:
        """Return the pickers in use."""
        return {name: choose_picker(self.detectors[0], name) for name in self.table.names}

    def _collect(self, choices: Mapping[str, Choice]) -> dict[str, list[Candidates]]:
        """Draw candidates run by run, without keeping the maps."""
        found: dict[str, list[Candidates]] = {name: [] for name in self.table.names}
        for detector, run in self.pairs:
            with self.maps.passing(detector, self.project, run) as scores:
                look = Seen(_name(detector, run), scores, self.truth[run])
                for entry in self.table.each():
                    choice = choose_picker(detector, entry.name, pickers=choices)
                    found[entry.name] += collect(
                        [look], entry, choice, floor=FLOOR, draw=self._draw
                    )
        return found

    def _kept(self, detector: Detector, run: str) -> Seen:
        """Return a look at a run whose map lies on disk."""
        scores: ScoreMap | Blended
        if self.blended:
            parts = [self.maps.kept(member, self.project, run) for member in self.detectors]
            scores = Blended.equal(parts)
        else:
            scores = self.maps.kept(detector, self.project, run)
        return Seen(_name(detector, run), scores, self.truth[run])

    def _search(
        self, looks: Sequence[Seen], plan: SearchPlan, pickers: list[Choice]
    ) -> dict[str, Choice]:
        """Search the pickers and their settings."""
        own = {name: [choice] for name, choice in self._own().items()}
        tried = dict.fromkeys(self.table.names, pickers) if pickers else own
        with progress(100, f"search on {len(looks)} runs") as bar:
            return search(
                looks,
                objects=self.table,
                pickers=tried,
                plan=plan,
                draw=self._draw,
                progress=bar.fraction,
            )

    def _shares(
        self, looks: Sequence[Seen], plan: SearchPlan, choices: Mapping[str, Choice]
    ) -> dict[str, tuple[float, ...]]:
        """Search how much each of the blended weights counts."""
        with progress(100, "search shares") as bar:
            return search_shares(
                looks,
                objects=self.table,
                choices=choices,
                plan=plan,
                draw=self._draw,
                progress=bar.fraction,
            )

    def _as_picked(self, look: Seen, shares: Mapping[str, tuple[float, ...]]) -> Seen:
        """Return a look at blended weights that count as was found."""
        assert isinstance(look.scores, Blended)  # only such have shares
        return replace(look, scores=as_picked(look.scores, self.detectors, shares))

    def _draw(
        self, scores: ScoreMap | Blended, entry: ObjectType, choice: Choice, threshold: float
    ) -> Picks:
        """Draw one object's picks; a map that memory would not hold is looked at in parts."""
        if isinstance(scores, Blended):
            scores = ScoreMap(scores.data, scores.objects, scores.geometry)
        return find_all(
            scores,
            join(self.detectors) if self.blended else self.detectors[0],
            thresholds={entry.name: threshold},
            pickers={entry.name: choice},
            together=self.together,
        )

    def _parameters(
        self,
        operating: Operating,
        choices: Mapping[str, Choice],
        shares: Mapping[str, tuple[float, ...]],
        *,
        spread: float,
    ) -> Parameters:
        """Put into one file what was found."""
        drawn = operating.intervals()
        return Parameters(
            thresholds=operating.thresholds,
            pickers=dict(choices),
            together=self.together,
            tta=self.maps.views,
            average=self.maps.average,
            ensemble="mean" if self.blended else None,
            blend="probabilities" if self.blended else None,  # what `Blended` takes the mean of
            shares=dict(shares),
            tuned_on=tuple(self.truth),
            spread=spread,
            score=operating.scores,
            intervals=drawn.intervals,
            notes="; ".join([f"intervals by drawing {drawn.over}", *operating.cautions]),
        )


def _name(detector: Detector, run: str) -> str:
    """Name a look: a run that two detectors have not seen counts once for each."""
    return f"{detector.source}: {run}"
