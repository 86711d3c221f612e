"""Picks of objects that are sizes or kinds of one thing, such as blobs a detector taught itself.

Their maps become one: where any of them is. A picker looks at it with the radius of the smallest
object, so that none is lost beside another; what it finds is called by the object that is likeliest
in its cell. Then every pick, the best first, drops the worse ones within the radius of what it is
called, whatever these are called. All objects of the detector take part in this, also those that
are not picked; where a threshold only drops picks (``is_nested``), those of one object do not hang
on which others are asked for, and at what thresholds. A broad, flat answer still has several tops,
which may lie farther apart than a radius: smooth, or pick regions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from tomoscout.core.errors import UserError
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
        Picker of each of these, which must be the same: there is but one map.

    Raises
    ------
    UserError
        If pickers differ, the picker cannot look for objects of several sizes at once, or the
        detector does not know an object of the maps.
    """
    none = Picks.empty(extent=scores.geometry.extent)
    if not thresholds:
        return none
    strange = [name for name in scores.objects if name not in model.objects.names]
    if strange:
        raise UserError(
            f"score maps of {', '.join(strange)}: {model.source} does not say how large they are: "
            "give the weights that the maps were made with, or pick with --no-together"
        )
    module, settings = one_picker(choices).resolve(PICKERS)
    radii = {name: model.objects[name].radius for name in scores.objects}
    least = min(radii.values())
    wide = module.widened(settings, max(radii.values()) / least)
    joint = joined(scores, is_shared=_add_up(model))
    is_nested = hasattr(module, "is_nested") and module.is_nested(settings)
    floors = {min(thresholds.values())} if is_nested else set(thresholds.values())
    parts = [none]
    for floor in sorted(floors):
        found = MapPicking(joint, 0, module, wide, least, floor).find()
        kinds = np.array(scores.objects)[likeliest(scores, found.zyx)]
        named = _one_each(replace(found, objects=kinds), radii)
        mine = [name for name, limit in thresholds.items() if is_nested or limit == floor]
        parts.append(named[np.isin(named.objects, mine)])
    every = Picks.concatenate(parts)
    return (_one_each(every, radii) if len(floors) > 1 else every).above(dict(thresholds))


def one_picker(choices: Mapping[str, Choice]) -> Choice:
    """Return the picker of objects that are picked together.

    Parameters
    ----------
    choices
        Of each object; one at least.

    Raises
    ------
    UserError
        If they differ, or the picker looks for one size at a time.
    """
    (first, choice), *others = choices.items()
    for name, other in others:
        if other != choice:
            raise UserError(
                f"objects picked together share one picker: found {choice.name} for '{first}' and "
                f"{other.name}, or other settings, for '{name}': give one with --picker, or pick "
                "with --no-together"
            )
    if not hasattr(PICKERS[choice.name], "widened"):
        able = [name for name in PICKERS.names() if hasattr(PICKERS[name], "widened")]
        raise UserError(
            f"picker {choice.name}: looks for one size at a time, which objects picked together "
            f"have not: take {', '.join(able)}, or pick with --no-together"
        )
    return choice


def _add_up(model: Detector | Ensemble) -> bool:
    """Tell whether the objects' scores are shares of one sum; ranks of each are not."""
    return model.is_joint and not (isinstance(model, Ensemble) and model.blend == "ranks")


def _one_each(picks: Picks, radii: Mapping[str, float]) -> Picks:
    """Drop picks within the radius of a better one, that of what the better one is called."""
    reach = np.array([radii[str(name)] for name in picks.objects], float)
    return picks[suppress_each(picks.zyx, picks.score_array, reach)]


@dataclass(frozen=True)
class _Joint:
    """Maps `(object, z, y, x)` read as one, part by part where they lie on disk."""

    data: Any
    is_shared: bool

    def __getitem__(self, region: Any) -> Float32[np.ndarray, "z y x"]:
        """Return cells of the one map, given as ``[0, planes]`` or ``[0]``."""
        planes = region[1] if isinstance(region, tuple) else slice(None)
        maps = np.asarray(self.data[:, planes])
        if not self.is_shared:
            return maps.max(axis=0).astype(np.float32)
        whole = maps.sum(axis=0, dtype=np.float32)
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
    found = np.zeros(len(cells), np.intp)
    block = cells[:, 0] // _PLANES
    for number in np.unique(block):
        mine, first = block == number, number * _PLANES
        part = np.asarray(scores.data[:, first : first + _PLANES])
        z, y, x = (cells[mine] - [first, 0, 0]).T
        found[mine] = part[:, z, y, x].argmax(axis=0)
    return found
