"""Where in the tomogram particles are missed and false alarms are raised.

By depth (z, as a share of the tomogram's) and by distance from the nearest of its six faces.
Misses near a face are cut particles, or windows without context; misses at some depth are the
surface of the ice, where particles crowd, or a part of the volume that the tomogram's alignment
blurs. Choose it when some particles of an object are found with ease and others never.

Tomograms must be known by their size: runs whose picks and truth do not tell it are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._matched import Matched, match_runs
from tomoscout.metrics._places import Extent, Places
from tomoscout.metrics._result import REACH


@dataclass(frozen=True, eq=False)
class DepthAndBorder:
    """Where the particles and the picks of each object are.

    Attributes
    ----------
    particles
        By object name; wrong are those that were missed.
    picks
        By object name; wrong are those that are false alarms.
    unplaced
        Runs left out, for want of the tomogram's size.
    """

    particles: Mapping[str, Places]
    picks: Mapping[str, Places]
    unplaced: tuple[str, ...] = ()

    @property
    def all_particles(self) -> Places:
        """The particles of all objects together."""
        return Places.join(self.particles.values())

    @property
    def all_picks(self) -> Places:
        """The picks of all objects together."""
        return Places.join(self.picks.values())

    def __add__(self, other: DepthAndBorder) -> DepthAndBorder:
        if list(self.particles) != list(other.particles):
            raise ValueError("places of different objects do not add up")
        return DepthAndBorder(
            {
                name: Places.join([one, other.particles[name]])
                for name, one in self.particles.items()
            },
            {name: Places.join([one, other.picks[name]]) for name, one in self.picks.items()},
            self.unplaced + other.unplaced,
        )

    def facts(self) -> dict[str, Any]:
        """Return counts by depth and by distance from the border, for each object and for all."""
        pairs = [("all", self.all_particles, self.all_picks)]
        pairs += [(name, one, self.picks[name]) for name, one in self.particles.items()]
        return {
            "runs_left_out": list(self.unplaced),
            "objects": {
                name: {
                    "missed_by_depth": true.by_depth().facts(),
                    "missed_by_border_angstrom": true.by_border().facts(),
                    "false_by_depth": found.by_depth().facts(),
                    "false_by_border_angstrom": found.by_border().facts(),
                }
                for name, true, found in pairs
            },
        }


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = CZII,
    radius_fraction: float = REACH,
    extents: Mapping[str, Extent] | None = None,
) -> DepthAndBorder:
    """Tell where misses and false alarms of the best one-to-one matching are.

    Parameters
    ----------
    picks
        Predictions; scores are not used. Runs that the truth lacks are ignored.
    truth
        Annotated particles.
    objects
        Radii.
    radius_fraction
        How far off a hit may be, as a fraction of the object's radius.
    extents
        Edges (z, y, x) of each run's tomogram in ångström, where picks and truth do not tell.

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    matched = match_runs(picks, truth, objects=objects, radius_fraction=radius_fraction)
    return measure(matched, objects=objects, extents=extents)


def measure(
    matched: Sequence[Matched],
    *,
    objects: ObjectTable,
    extents: Mapping[str, Extent] | None = None,
) -> DepthAndBorder:
    """Tell it of runs that are matched already."""
    sizes = {r.run: (extents or {}).get(r.run) or r.truth.extent or r.picks.extent for r in matched}
    particles: list[tuple[Places, np.ndarray]] = []
    picks: list[tuple[Places, np.ndarray]] = []
    for run in matched:
        size = sizes[run.run]
        if size is not None:
            particles.append((Places.of(run.truth.zyx, run.is_missed, size), run.true))
            picks.append((Places.of(run.picks.zyx, run.is_alarm, size), run.called))
    unplaced = tuple(run for run, size in sizes.items() if size is None)
    return DepthAndBorder(_by_object(particles, objects), _by_object(picks, objects), unplaced)


def _by_object(
    parts: Sequence[tuple[Places, np.ndarray]], objects: ObjectTable
) -> dict[str, Places]:
    """Join the places of all runs, and part them by object."""
    joined = Places.join(places for places, _ in parts)
    label = np.concatenate([np.zeros(0, int), *(labels for _, labels in parts)])
    return {name: joined[label == place] for place, name in enumerate(objects.names)}
