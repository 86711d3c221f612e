"""Picks of every object from a score map; ``map_picking`` says how a map on disk is looked at.

Each object is picked from its own map, unless its detector's objects are sizes or kinds of one
thing: these share a map, whose picks are called by what is likeliest there. One by one, a particle
that may be of either size would be picked twice, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.map_picking import MapPicking
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.together import find_together
from tomoscout.inference.weights import Detector
from tomoscout.pickers import PICKERS


def find_all(
    scores: ScoreMap,
    model: Detector | Ensemble,
    *,
    thresholds: Mapping[str, float],
    picker: Choice | None = None,
    pickers: Mapping[str, Choice] | None = None,
    together: bool | None = None,
) -> Picks:
    """Draw picks of every object from a score map, best first within each object.

    Parameters
    ----------
    scores
        From ``predict``.
    model
        Says the objects' radii and the default pickers.
    thresholds
        Lowest score of a pick, per object; objects not named are not picked.
    picker
        Another picker than the card's, for all objects.
    pickers
        Pickers of single objects; they win over ``picker``.
    together
        Whether objects are picked from one map, with its scores; what the card says when not given.
        See ``together``.

    Raises
    ------
    UserError
        If a picker or its settings are unknown, or do not suit what is picked together.
    """
    names = [name for name in scores.objects if name in thresholds]
    choices = {name: choose_picker(model, name, picker=picker, pickers=pickers) for name in names}
    if model.card.together if together is None else together:
        limits = {name: thresholds[name] for name in names}
        found = find_together(scores, model, thresholds=limits, choices=choices)
        parts = [found.of(name) for name in names]
    else:
        parts = _pick_each(scores, model, thresholds, choices)
    return Picks.concatenate([Picks.empty(extent=scores.geometry.extent), *parts])


def choose_picker(
    model: Detector | Ensemble,
    name: str,
    *,
    picker: Choice | None = None,
    pickers: Mapping[str, Choice] | None = None,
) -> Choice:
    """Return the picker of an object: its own, else the one for all, else what the card says."""
    own = (pickers or {}).get(name)
    return own or picker or model.card.pickers.get(name, model.card.picker)


def _pick_each(
    scores: ScoreMap,
    model: Detector | Ensemble,
    thresholds: Mapping[str, float],
    choices: Mapping[str, Choice],
) -> list[Picks]:
    """Pick each object from its own map."""
    jobs = []
    for name, choice in choices.items():
        module, settings = choice.resolve(PICKERS)
        channel, radius = scores.objects.index(name), model.objects[name].radius
        jobs.append(MapPicking(scores, channel, module, settings, radius, thresholds[name]))
    # Numpy and scipy let go of the interpreter; whole maps from disk are not held two at a time.
    with ThreadPoolExecutor(1 if any(job.takes_memory for job in jobs) else 2) as pool:
        return list(pool.map(MapPicking.find, jobs))
