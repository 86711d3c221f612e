"""From candidates of all objects to what is stored: thresholds, scores, and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics import Result, czii
from tomoscout.tuning._sweep import Best, Sweep
from tomoscout.tuning.bootstrap import Bootstrap, bootstrap
from tomoscout.tuning.candidates import Candidates, sweep_candidates
from tomoscout.tuning.shared import shared_points, weighted


@dataclass(frozen=True)
class Operating:
    """Operating points of all objects on the runs they were tuned on.

    Attributes
    ----------
    sweeps
        What every threshold gives, by object.
    points
        The threshold taken, and what it gives, by object.
    result
        The metric's own counts at these thresholds, by run.
    """

    sweeps: Mapping[str, Sweep]
    points: Mapping[str, Best]
    result: Result

    @property
    def thresholds(self) -> dict[str, float]:
        """Lowest score of a pick, per object."""
        return {name: point.threshold for name, point in self.points.items()}

    @property
    def scores(self) -> dict[str, float]:
        """F-beta of each object, and their mean by weight."""
        weights = {entry.name: entry.weight for entry in self.result.objects.each()}
        of_objects = {name: float(point.f_beta) for name, point in self.points.items()}
        return {**of_objects, "weighted": float(weighted(self.points, weights))}

    @property
    def cautions(self) -> list[str]:
        """What to know before trusting the thresholds, a line each."""
        return [sweep.caution for sweep in self.sweeps.values() if sweep.caution]

    def intervals(self, *, seed: int = 0) -> Bootstrap:
        """Return how far the scores may be off by the luck of which runs there were."""
        return bootstrap(self.result, seed=seed)


def operate(
    found: Mapping[str, Sequence[Candidates]],
    truth: Sequence[Picks],
    *,
    objects: ObjectTable,
    floor: float,
    spread: float = 0.0,
    shared: bool = False,
    defaults: Mapping[str, float] | None = None,
) -> Operating:
    """Choose the thresholds of all objects, and score the picks they give.

    Parameters
    ----------
    found
        Candidates of each object, a run after the other.
    truth
        Annotations of the same runs in the same order.
    objects
        Radii and weights; annotations of other objects are ignored.
    floor
        Lowest threshold that the candidates were drawn with.
    spread
        By what factor scores elsewhere are expected to be off: see ``Sweep.steady``.
    shared
        Whether all objects get the same threshold.
    defaults
        Thresholds of objects that cannot be tuned; 0.5 where none is given.
    """
    defaults = defaults or {}
    sweeps = {
        entry.name: sweep_candidates(
            found[entry.name], truth, entry, floor=floor, default=defaults.get(entry.name, 0.5)
        )
        for entry in objects.each()
    }
    points = {name: sweep.steady(spread) for name, sweep in sweeps.items()}
    if shared:
        weights = {entry.name: entry.weight for entry in objects.each()}
        points = shared_points(sweeps, weights, spread=spread)
    kept = [
        found[name][place].at(point.threshold)
        for name, point in points.items()
        for place in range(len(truth))
    ]
    known = [
        Picks.concatenate([Picks.empty(run.run), *map(run.of, objects.names)]) for run in truth
    ]
    return Operating(sweeps, points, czii.score(kept, known, objects=objects))
