"""Which particles have a pick on them, whatever it is called.

Picks and particles are paired one to one, as many pairs as possible, names ignored: a pick is a hit
within half the radius of the particle it sits on. Of the other picks, those in reach of a particle
are one more on it, the rest sit on nothing. Choose it for picks that have names of their own, such
as clusters and dark blobs, and for how much of a score is lost to wrong names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._result import REACH, Counts
from tomoscout.metrics._runs import labels_of, paired
from tomoscout.ops.match import assign, within_each


@dataclass(frozen=True, eq=False)
class AnyObject:
    """Particles with and without a pick, and picks.

    Attributes
    ----------
    names
        The ``k`` objects.
    found, missed
        `(k,)` particles of each that have a pick, and that have none.
    again
        Picks on particles that have another.
    nothing
        Picks that sit on no particle.
    distances
        `(h,)` how far off the hits are, in ångström.
    """

    names: tuple[str, ...]
    found: Int[np.ndarray, " k"]
    missed: Int[np.ndarray, " k"]
    again: int
    nothing: int
    distances: Float[np.ndarray, " h"]

    def __add__(self, other: AnyObject) -> AnyObject:
        if self.names != other.names:
            raise ValueError("counts of different objects do not add up")
        return AnyObject(
            self.names,
            self.found + other.found,
            self.missed + other.missed,
            self.again + other.again,
            self.nothing + other.nothing,
            np.concatenate([self.distances, other.distances]),
        )

    @property
    def counts(self) -> Counts:
        """Hits, false alarms and misses of all objects as if they were one."""
        alarms = self.again + self.nothing
        return Counts(int(self.found.sum()), alarms, int(self.missed.sum()), self.distances)

    def facts(self) -> dict[str, Any]:
        """Return counts and ratios as plain values."""
        whole = self.counts.facts(1.0)
        del whole["f_beta"]  # F1 once more
        particles = zip(self.names, self.found.tolist(), self.missed.tolist(), strict=True)
        each = {name: {"found": found, "missed": missed} for name, found, missed in particles}
        return {**whole, "again": self.again, "nothing": self.nothing, "objects": each}


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = CZII,
    radius_fraction: float = REACH,
) -> AnyObject:
    """Count particles with a pick on them, and picks on none.

    Parameters
    ----------
    picks
        Predictions; neither names nor scores are used. Runs that the truth lacks are ignored.
    truth
        Annotated particles.
    objects
        Radii of the particles.
    radius_fraction
        A pick sits on a particle when it is no farther off than this fraction of the particle's
        radius.

    Raises
    ------
    UserError
        If a truth has a name that the table lacks.
    """
    names = tuple(objects.names)
    none = np.zeros(len(names), int)
    total = AnyObject(names, none, none, 0, 0, np.zeros(0))
    reach = np.array([one.radius for one in objects.each()]) * radius_fraction
    for found, known in paired(picks, truth).values():
        total += _count(found, known, labels_of(known, objects), names=names, reach=reach)
    return total


def _count(
    picks: Picks,
    truth: Picks,
    labels: Int[np.ndarray, " m"],
    *,
    names: tuple[str, ...],
    reach: Float[np.ndarray, " k"],
) -> AnyObject:
    """Count one run."""
    near = within_each(picks.zyx, truth.zyx, reach[labels])
    pairs = assign(near)
    particles = np.bincount(labels, minlength=len(names))
    found = np.bincount(labels[pairs.second], minlength=len(names))
    again = len(np.unique(near.first)) - len(pairs)
    nothing = len(picks) - len(pairs) - again
    return AnyObject(names, found, particles - found, again, nothing, pairs.distance)
