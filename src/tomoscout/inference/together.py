"""Picks of objects that are sizes or kinds of one thing, such as blobs a detector taught itself.

Their maps become one: where any of them is. A picker finds each particle there once, with the
radius of the smallest, so that none is lost beside another; it is called by the object that is
likeliest in its cell. Then every pick, the best first, drops the worse ones within the radius of
what it is called, whatever these are called: large particles are broad, and have several maxima.
All objects of the detector take part in this, also those that are not picked, so that picks of one
object do not hang on which others are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.map_picking import MapPicking
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.weights import Detector
from tomoscout.ops.suppress import suppress_each
from tomoscout.pickers import PICKERS

NAME = "any object"
_PLANES = 32  # read at once: those of a store's chunk


def find_together(
    scores: ScoreMap,
    model: Detector | Ensemble,
    *,
    thresholds: Mapping[str, float],
    choices: Mapping[str, Choice],
) -> Picks:
    """Find particles in the map of any object, best first within each object.

    Parameters
    ----------
    scores
        From ``predict``.
    model
        Says the objects' radii, and whether their maps add up.
    thresholds
        Lowest score of a pick, in the one map, per object to pick.
    choices
        Picker of each of these; another one looks at the one map for itself, and what it finds
        beside picks of the first is dropped by the better ones as well.
    """
    joint = joined(scores, is_shared=model.is_joint)
    radii = {name: model.objects[name].radius for name in scores.objects}
    least, times = min(radii.values()), max(radii.values()) / min(radii.values())
    parts = [Picks.empty(extent=scores.geometry.extent)]
    for choice, names, floor in _passes(thresholds, choices):
        module, settings = choice.resolve(PICKERS)
        if hasattr(module, "widened"):
            settings = module.widened(settings, times)
        found = MapPicking(joint, 0, module, settings, least, floor).find()
        kinds = np.array(scores.objects)[likeliest(scores, found.zyx)]
        named = _one_each(replace(found, objects=kinds), radii)
        parts.append(named[np.isin(named.objects, names)])
    return _one_each(Picks.concatenate(parts), radii).above(dict(thresholds))


def _passes(
    thresholds: Mapping[str, float], choices: Mapping[str, Choice]
) -> Iterator[tuple[Choice, list[str], float]]:
    """Yield pickers, the objects of each, and the lowest score it has to look at.

    Where a threshold only drops picks, the lowest of all is looked at: what drops what is then the
    same whatever the thresholds are.
    """
    todo = dict(choices)
    while todo:
        first, choice = next(iter(todo.items()))
        module, settings = choice.resolve(PICKERS)
        is_nested = hasattr(module, "is_nested") and module.is_nested(settings)
        names = [
            name
            for name, other in todo.items()
            if other == choice and (is_nested or thresholds[name] == thresholds[first])
        ]
        todo = {name: other for name, other in todo.items() if name not in names}
        yield choice, names, min(thresholds.values()) if is_nested else thresholds[first]


def _one_each(picks: Picks, radii: Mapping[str, float]) -> Picks:
    """Drop picks within the radius of a better one, that of what the better one is called."""
    reach = np.array([radii[str(name)] for name in picks.objects], float)
    return picks[suppress_each(picks.zyx, picks.score_array, reach)]


@dataclass(frozen=True)
class _Joint:
    """Maps `(object, z, y, x)` read as one, `(1, z, y, x)`, part by part where they lie on disk."""

    data: Any
    is_shared: bool

    def __getitem__(self, region: Any) -> Float32[np.ndarray, "z y x"]:
        """Return cells of the one map, given as ``[0, planes]`` or ``[0]``."""
        planes = region[1] if isinstance(region, tuple) else slice(None)
        parts = (np.asarray(self.data[i, planes], np.float32) for i in range(self.data.shape[0]))
        whole = next(parts).copy()
        for part in parts:
            (np.add if self.is_shared else np.maximum)(whole, part, out=whole)
        return np.minimum(whole, 1.0, out=whole)  # half floats may add up to a little more


def joined(scores: ScoreMap, *, is_shared: bool) -> ScoreMap:
    """Return the map of any object: in memory if the maps are, else read when it is looked at.

    Parameters
    ----------
    scores
        Maps of the objects.
    is_shared
        Whether they share one sum with background, and so add up; else the largest counts.
    """
    joint: Any = _Joint(scores.data, is_shared)
    if isinstance(scores.data, np.ndarray):
        joint = joint[0][None]
    return ScoreMap(joint, (NAME,), scores.geometry)


def likeliest(scores: ScoreMap, zyx: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """Return the channel of the object that is likeliest in the cell of each place, in ångström."""
    top = np.array(scores.data.shape[1:]) - 1
    cells = np.clip(np.rint(scores.geometry.to_cells(zyx)).astype(np.intp), 0, top)
    found, best = np.zeros(len(cells), np.intp), np.full(len(cells), -np.inf)
    block = cells[:, 0] // _PLANES
    for number in np.unique(block):
        mine, first = np.flatnonzero(block == number), number * _PLANES
        z, y, x = (cells[mine] - [first, 0, 0]).T
        for channel in range(scores.data.shape[0]):  # blended maps are read one at a time
            score = np.asarray(scores.data[channel, first : first + _PLANES])[z, y, x]
            better = score > best[mine]
            found[mine[better]], best[mine[better]] = channel, score[better]
    return found
