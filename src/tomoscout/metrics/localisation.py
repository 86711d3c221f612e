"""How far off the hits are, and whether they are all off in the same direction.

Hits scatter around the truth; their mean offset should be zero. An offset that is not, and that
all runs share, is no property of the particles but a mistake: half a voxel at a border between
formats, a crop whose origin was forgotten, an axis the wrong way round. Choose it whenever picks
come from another program, or before subtomograms are cut out.

Only hits have an offset, so that a shift beyond the reach of a hit shows as misses instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._matched import Matched, match_runs
from tomoscout.metrics._result import REACH


@dataclass(frozen=True, eq=False)
class Offsets:
    """Hits seen from the particle each of them found.

    Attributes
    ----------
    zyx
        `(h, 3)` pick minus truth, in ångström.
    """

    zyx: Float[np.ndarray, "h 3"]

    def __len__(self) -> int:
        return len(self.zyx)

    @property
    def distances(self) -> Float[np.ndarray, " h"]:
        """`(h,)` how far off each hit is, in ångström."""
        return np.linalg.norm(self.zyx, axis=1)

    @property
    def shift(self) -> Float[np.ndarray, " axes"]:
        """Mean offset (z, y, x), in ångström; NaN without hits."""
        return self.zyx.mean(axis=0) if len(self) else np.full(3, np.nan)

    @property
    def shift_error(self) -> Float[np.ndarray, " axes"]:
        """Standard error of the mean offset, in ångström; NaN with fewer than two hits."""
        if len(self) < 2:
            return np.full(3, np.nan)
        return self.zyx.std(axis=0, ddof=1) / np.sqrt(len(self))

    def is_shifted(self, least: float) -> Bool[np.ndarray, " axes"]:
        """Tell for each axis whether the mean offset is above ``least`` Å, and not by chance.

        Not by chance means at three standard errors or more, of ten hits or more.
        """
        if len(self) < 10:
            return np.zeros(3, bool)
        size = np.abs(self.shift)
        return (size > least) & (size >= 3 * self.shift_error)

    def facts(self) -> dict[str, Any]:
        """Return the figures in ångström, None where there are no hits to tell from."""
        off = self.distances
        known = len(off) > 0
        return {
            "hits": len(off),
            "median": float(np.median(off)) if known else None,
            "mean": float(off.mean()) if known else None,
            "percentile_90": float(np.percentile(off, 90)) if known else None,
            "shift_zyx": _plain(self.shift),
            "shift_error_zyx": _plain(self.shift_error),
        }


@dataclass(frozen=True, eq=False)
class Localisation:
    """Offsets of the hits of every object, over all runs.

    Attributes
    ----------
    of
        Offsets by object name.
    """

    of: Mapping[str, Offsets]

    @property
    def all(self) -> Offsets:
        """The hits of all objects together: what they share is no property of a molecule."""
        return Offsets(np.concatenate([np.zeros((0, 3)), *(one.zyx for one in self.of.values())]))

    def __add__(self, other: Localisation) -> Localisation:
        if list(self.of) != list(other.of):
            raise ValueError("offsets of different objects do not add up")
        return Localisation(
            {n: Offsets(np.concatenate([self.of[n].zyx, other.of[n].zyx])) for n in self.of}
        )

    def facts(self) -> dict[str, Any]:
        """Return the figures of each object and of all, in ångström."""
        each = {name: one.facts() for name, one in self.of.items()}
        return {"unit": "angstrom", "all": self.all.facts(), "objects": each}


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = CZII,
    radius_fraction: float = REACH,
) -> Localisation:
    """Measure the offsets of the hits of the best one-to-one matching.

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

    Raises
    ------
    UserError
        If a pick or a truth has a name that the table lacks.
    """
    matched = match_runs(picks, truth, objects=objects, radius_fraction=radius_fraction)
    return measure(matched, objects=objects)


def measure(matched: Sequence[Matched], *, objects: ObjectTable) -> Localisation:
    """Measure runs that are matched already."""
    offsets = {}
    for place, name in enumerate(objects.names):
        parts = [np.zeros((0, 3))]
        for run in matched:
            hits = np.flatnonzero((run.called == place) & ~run.is_alarm)
            parts.append(run.picks.zyx[hits] - run.truth.zyx[run.finds[hits]])
        offsets[name] = Offsets(np.concatenate(parts))
    return Localisation(offsets)


def _plain(values: Float[np.ndarray, " axes"]) -> list[float] | None:
    """Return numbers that JSON knows."""
    return [float(v) for v in values] if np.isfinite(values).all() else None
