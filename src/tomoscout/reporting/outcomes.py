"""Which picks are hits, which are false alarms, and which particles were missed.

The rule is that of the CZII score: a particle is found when a pick of its object lies within half
the object's radius. Of several picks on one particle the surest is the hit and the others are
false alarms, so what is drawn adds up to what is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics import REACH
from tomoscout.ops.match import within


@dataclass(frozen=True)
class Outcome:
    """Picks of one run, sorted by what became of them.

    Attributes
    ----------
    hits, false_alarms
        The picks, best first.
    missed
        Particles of the truth that no pick found.
    judged
        False when there is no truth; then all picks are in ``hits``, for want of a judge.
    """

    hits: Picks
    false_alarms: Picks
    missed: Picks
    judged: bool = True

    @property
    def all(self) -> Picks:
        """Picks and missed particles together: every place worth a look."""
        return Picks.concatenate([self.hits, self.false_alarms, self.missed])


def judge(picks: Picks, truth: Picks | None, *, objects: ObjectTable) -> Outcome:
    """Sort the picks of one run into hits and false alarms, and name the missed particles.

    Raises
    ------
    UserError
        If a pick or a particle has a name that the table lacks.
    """
    for name in {*picks.names, *(truth.names if truth else ())}:
        objects[name]
    picks = picks.best_first()
    if truth is None:
        nothing = Picks.empty(picks.run, picks.extent)
        return Outcome(picks, nothing, nothing, judged=False)
    is_hit, is_found = np.zeros(len(picks), bool), np.zeros(len(truth), bool)
    for one in objects.each():
        mine = np.flatnonzero(np.asarray(picks.objects) == one.name)
        true = np.flatnonzero(np.asarray(truth.objects) == one.name)
        near = within(picks.zyx[mine], truth.zyx[true], REACH * one.radius)
        surest = np.full(len(true), len(mine))
        np.minimum.at(surest, near.second, near.first)  # picks are best first
        found = surest < len(mine)
        is_found[true[found]] = True
        is_hit[mine[surest[found]]] = True
    return Outcome(picks[is_hit], picks[~is_hit], truth[~is_found])
