"""What a picker finds in score maps, at every threshold that tuning needs to know of.

Where a threshold only drops picks (``is_nested``), one picking at the floor holds the picks of all
thresholds, and the sweep over them is exact. Other pickers look at the cells above the threshold
(unless ``cells`` says which), so what they find at one says little about the next: they pick once
per level, and the levels are the thresholds to choose from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.metrics import BETA, czii
from tomoscout.pickers import PICKERS
from tomoscout.tuning._sweep import Sweep
from tomoscout.tuning.thresholds import sweep

LEVELS = 12
"""Thresholds that a picker is tried at whose picks are not nested."""

Draw = Callable[[Any, ObjectType, Choice, float], Picks]
"""Draws one object's picks from a score map, with a picker and a threshold."""


@runtime_checkable
class Look(Protocol):
    """What a model thinks of a run that it was not trained on, and what is there.

    Any object with these attributes does. ``name`` tells it from other looks: a run that two models
    look at counts twice. ``scores`` has ``data`` `(object, z, y, x)`, ``objects`` and ``geometry``,
    as ``io.scores.read_scores`` gives them.
    """

    @property
    def name(self) -> str:
        """Of run and model."""
        ...

    @property
    def scores(self) -> Any:
        """The score map, in memory or on disk."""
        ...

    @property
    def truth(self) -> Picks:
        """The annotations."""
        ...


@dataclass(frozen=True)
class Candidates:
    """One object's picks in one run.

    Attributes
    ----------
    levels
        Picks by the threshold they were drawn with.
    nested
        Whether a higher threshold only drops picks.
    """

    levels: Mapping[float, Picks]
    nested: bool

    def at(self, threshold: float) -> Picks:
        """Return the picks of a threshold: of the next lower level's, those that reach it."""
        below = [level for level in self.levels if level <= threshold] or [min(self.levels)]
        found = self.levels[max(below)]
        return found[found.score_array >= threshold]


def is_nested(choice: Choice) -> bool:
    """Tell whether a picker's picks at a threshold are those of a lower one that reach it."""
    module, settings = choice.resolve(PICKERS)
    return hasattr(module, "is_nested") and bool(module.is_nested(settings))


def levels(choice: Choice, floor: float) -> list[float]:
    """Return the thresholds that a picker has to be tried at."""
    return [floor] if is_nested(choice) else np.geomspace(floor, 0.9, LEVELS).tolist()


def draw(scores: Any, entry: ObjectType, choice: Choice, threshold: float) -> Picks:
    """Draw one object's picks from a map that fits into memory.

    Raises
    ------
    UserError
        If the picker or its settings are unknown, or the map holds values that are not numbers.
    """
    module, settings = choice.resolve(PICKERS)
    found: Picks = module.find_picks(
        np.asarray(scores.data[list(scores.objects).index(entry.name)]),
        geometry=scores.geometry,
        radius=entry.radius,
        name=entry.name,
        threshold=threshold,
        settings=settings,
    )
    return found


def collect(
    looks: Sequence[Look], entry: ObjectType, choice: Choice, *, floor: float, draw: Draw = draw
) -> list[Candidates]:
    """Draw one object's candidates from every look.

    Parameters
    ----------
    looks
        Score maps of runs with their truth.
    entry
        The object.
    choice
        The picker.
    floor
        Lowest threshold that is of interest.
    draw
        How picks are drawn, for maps that need more than memory.
    """

    def one(look: Look) -> Candidates:
        found = {
            level: replace(draw(look.scores, entry, choice, level), run=look.name)
            for level in levels(choice, floor)
        }
        return Candidates(found, is_nested(choice))

    with ThreadPoolExecutor(2) as pool:  # numpy and scipy let go of the interpreter
        return list(pool.map(one, looks))


def sweep_candidates(
    candidates: Sequence[Candidates],
    truth: Sequence[Picks],
    entry: ObjectType,
    *,
    floor: float,
    default: float = 0.5,
    beta: float = BETA,
) -> Sweep:
    """Score every threshold that the candidates tell of, over all runs together.

    Parameters
    ----------
    candidates
        Of each run.
    truth
        Annotations of the same runs, under the same names; other objects are ignored.
    entry
        The object.
    floor, default, beta
        See ``thresholds.sweep``.
    """
    table = ObjectTable(objects=(entry,))
    known = [part.of(entry.name) for part in truth]
    if all(part.nested for part in candidates):
        found = [picks for part in candidates for picks in part.levels.values()]
        swept = sweep(found, known, objects=table, beta=beta, default=default, floor=floor)
        return swept[entry.name]
    falling = sorted({level for part in candidates for level in part.levels}, reverse=True)
    counts = [
        czii.score([part.at(level) for part in candidates], known, objects=table).counts[entry.name]
        for level in falling
    ]
    return Sweep(
        name=entry.name,
        thresholds=np.array(falling),
        tp=np.array([c.tp for c in counts]),
        n_predicted=np.array([c.tp + c.fp for c in counts]),
        n_truth=sum(map(len, known)),
        beta=beta,
        default=default,
        floor=floor,
        nested=False,
    )
