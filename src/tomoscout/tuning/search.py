"""Find the picker, and its settings, that score best on score maps of held-out runs.

The maps are computed once; every trial picks from them anew and sweeps the thresholds, so a trial
is as good as its best threshold and takes a fraction of a second per map. Counts are pooled over
the runs before the score is taken. Each object gets its own settings, or all share one set
(``shared``), which is the safer choice with few particles: a search tries much, and the best of
much on few is luck.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.settings import Choice
from tomoscout.tuning.candidates import Draw, Look, collect, draw, sweep_candidates
from tomoscout.tuning.shared import shared_points, weighted
from tomoscout.tuning.spaces import Space, current, grid, space_of, with_settings
from tomoscout.tuning.study import Progress, Trial, maximise

Method = Literal["grid", "optuna"]


@dataclass(frozen=True)
class SearchPlan:
    """How to search.

    Attributes
    ----------
    method
        ``grid`` tries every combination of the space, ``optuna`` what a sampler proposes.
    trials
        Trials of ``optuna`` per picker, and per object unless ``shared``.
    shared
        Whether all objects get one picker, one set of settings and one threshold.
    spread
        By what factor scores elsewhere are expected to be off: see ``Sweep.steady``.
    floor
        Lowest threshold that is of interest.
    seed
        Of the sampler.
    spaces
        Values to try, by picker, in place of the usual ones: see ``spaces``.
    storage
        SQLite file in which trials are kept, so that a stopped search goes on.
    key
        What the scores depend on besides the looks' names: fingerprints of the weights. A search
        in the same file with another key, other runs or another space begins anew.
    """

    method: Method = "grid"
    trials: int = 50
    shared: bool = False
    spread: float = 0.0
    floor: float = 0.03
    seed: int = 0
    spaces: Mapping[str, Space] | None = None
    storage: Path | None = None
    key: str = ""


def search(
    looks: Sequence[Look],
    *,
    objects: ObjectTable,
    pickers: Mapping[str, Sequence[Choice]],
    plan: SearchPlan,
    draw: Draw = draw,
    progress: Progress | None = None,
) -> dict[str, Choice]:
    """Return the best picker of each object, with the best of its settings.

    Parameters
    ----------
    looks
        Score maps of held-out runs, and their truth. Runs of one call are pooled.
    objects
        Radii and weights.
    pickers
        Pickers to try, by object; of equally good ones the first. With ``plan.shared`` those of
        the first object are tried for all.
    plan
        How to search.
    draw
        How picks are drawn from a map, for maps that need more than memory.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If a picker or one of its settings is unknown, or the study's file is no study.
    """
    entries = list(objects.each())
    groups = [entries] if plan.shared else [[entry] for entry in entries]
    jobs = [(group, choice) for group in groups for choice in pickers[group[0].name]]
    best: dict[str, tuple[float, Choice]] = {}
    for number, (group, choice) in enumerate(jobs):
        part = _Part(looks, group, choice, plan, draw)
        found = part.run(_within(progress, number, len(jobs)))
        for entry in group:
            if entry.name not in best or found.value > best[entry.name][0]:
                best[entry.name] = (found.value, with_settings(choice, found.settings))
    return {name: choice for name, (_, choice) in best.items()}


@dataclass(frozen=True)
class _Part:
    """The search over one picker's settings, for objects that share them."""

    looks: Sequence[Look]
    group: list[ObjectType]
    choice: Choice
    plan: SearchPlan
    draw: Draw

    def run(self, progress: Progress | None) -> Trial:
        """Return the best trial."""
        space = space_of(self.choice, self.plan.spaces)
        first = current(self.choice, space)
        on_grid = grid(space) if self.plan.method == "grid" else []
        planned = [first, *(settings for settings in on_grid if settings != first)]
        return maximise(
            self.evaluate,
            space,
            planned=planned,
            trials=self.plan.trials if self.plan.method == "optuna" else len(planned),
            seed=self.plan.seed,
            storage=self.plan.storage,
            name=self.name(space),
            progress=progress,
        )

    def evaluate(self, settings: dict[str, Any]) -> float:
        """Return the score at the best threshold, or thresholds."""
        choice = with_settings(self.choice, settings)
        choices = dict.fromkeys([entry.name for entry in self.group], choice)
        return score_of(self.looks, self.group, choices, self.plan, self.draw)

    def name(self, space: Space) -> str:
        """Name the study by all that its values depend on."""
        facts = {
            "objects": [entry.model_dump() for entry in self.group],
            "picker": self.choice.model_dump(),
            "space": {key: list(values) for key, values in space.items()},
            "plan": [self.plan.method, self.plan.shared, self.plan.spread, self.plan.floor],
            "looks": [(look.name, look.truth.zyx.tolist()) for look in self.looks],
            "seed": self.plan.seed,
            "key": self.plan.key,
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
        objects = "all objects" if self.plan.shared else self.group[0].name
        return f"{objects}, {self.choice.name}, {digest}"


def score_of(
    looks: Sequence[Look],
    group: Sequence[ObjectType],
    choices: Mapping[str, Choice],
    plan: SearchPlan,
    draw: Draw,
) -> float:
    """Return the score of some objects at their best thresholds, or at the best shared one."""
    truth = [replace(look.truth, run=look.name) for look in looks]
    sweeps = {}
    for entry in group:
        found = collect(looks, entry, choices[entry.name], floor=plan.floor, draw=draw)
        sweeps[entry.name] = sweep_candidates(found, truth, entry, floor=plan.floor)
    weights = {entry.name: entry.weight for entry in group}
    if plan.shared:
        return weighted(shared_points(sweeps, weights, spread=plan.spread), weights)
    return weighted({name: s.steady(plan.spread) for name, s in sweeps.items()}, weights)


def _within(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return what tells the share of all parts, given that of one."""
    if progress is None:
        return None
    return lambda done: progress((number + done) / count)
