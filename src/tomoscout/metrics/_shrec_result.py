"""Counts of the SHREC challenges, and the ratios they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from tomoscout.core.objects import ObjectTable
from tomoscout.metrics._result import Counts


@dataclass(frozen=True, eq=False)
class ShrecResult:
    """Particles found, and what they were called; results of several runs add up.

    Attributes
    ----------
    objects
        The ``k`` objects.
    n_predicted
        Picks made, whatever they stand on.
    false
        `(k,)` picks of each object that stand on nothing.
    table
        `(k, k + 1)` particles of the row's object by what their first pick calls them; the last
        column is for those that were not found, or called by a name that is not scored.
    multiple
        `(k,)` particles with more than one pick on them.
    distances
        By object: `(f,)` distance of the first pick from the centre of each particle found, in
        ångström.
    """

    objects: ObjectTable
    n_predicted: int
    false: Int[np.ndarray, " k"]
    table: Int[np.ndarray, "k k1"]
    multiple: Int[np.ndarray, " k"]
    distances: Mapping[str, Float[np.ndarray, " f"]]

    @classmethod
    def empty(cls, objects: ObjectTable) -> ShrecResult:
        """Return the result of no run."""
        k = len(objects)
        zero = np.zeros(k, int)
        none = dict.fromkeys(objects.names, np.zeros(0))
        return cls(objects, 0, zero, np.zeros((k, k + 1), int), zero, none)

    def __add__(self, other: ShrecResult) -> ShrecResult:
        if self.objects != other.objects:
            raise ValueError("results of different objects do not add up")
        return ShrecResult(
            self.objects,
            self.n_predicted + other.n_predicted,
            self.false + other.false,
            self.table + other.table,
            self.multiple + other.multiple,
            {n: np.concatenate([d, other.distances[n]]) for n, d in self.distances.items()},
        )

    @property
    def n_truth(self) -> int:
        """Particles."""
        return int(self.table.sum())

    @property
    def n_found(self) -> int:
        """Particles with a pick on them, each counted once: the true positives."""
        return sum(len(d) for d in self.distances.values())

    @property
    def recall(self) -> float:
        """Share of the particles that were found."""
        return self.n_found / self.n_truth if self.n_truth else 0.0

    @property
    def precision(self) -> float:
        """Particles found by picks made."""
        return self.n_found / self.n_predicted if self.n_predicted else 0.0

    @property
    def f1(self) -> float:
        """F1 of localisation: the harmonic mean of precision and recall."""
        both = self.n_truth + self.n_predicted
        return 2 * self.n_found / both if both else 0.0

    @property
    def average_distance(self) -> float | None:
        """Mean distance of first picks from the centres, in ångström; None of none."""
        every = np.concatenate([np.zeros(0), *self.distances.values()])
        return float(every.mean()) if len(every) else None

    @property
    def classes(self) -> dict[str, Counts]:
        """Counts of classification, for each object that is scored.

        Right are particles by their own name, false alarms other particles by this name.
        """
        right, called, true = (
            np.diag(self.table), self.table[:, :-1].sum(axis=0), self.table.sum(axis=1)
        )  # fmt: skip
        return {
            one.name: Counts(int(right[i]), int(called[i] - right[i]), int(true[i] - right[i]))
            for i, one in enumerate(self.objects.each())
            if one.weight > 0
        }

    @property
    def class_f1(self) -> dict[str, float]:
        """F1 of classification, for each object that is scored."""
        return {name: counts.f_beta(1) for name, counts in self.classes.items()}

    @property
    def mean_class_f1(self) -> float:
        """Mean of the objects' F1 over those with particles."""
        there = [n for n, c in self.classes.items() if c.tp + c.fn]
        return float(np.mean([self.class_f1[n] for n in there])) if there else 0.0

    def facts(self) -> dict[str, Any]:
        """Return counts and ratios as plain values, for a file."""
        places = {name: i for i, name in enumerate(self.objects.names)}
        return {
            "localisation": {
                "predicted": self.n_predicted,
                "particles": self.n_truth,
                "tp": self.n_found,
                "fp": int(self.false.sum()),
                "fn": self.n_truth - self.n_found,
                "particles_hit_more_than_once": int(self.multiple.sum()),
                "precision": self.precision,
                "recall": self.recall,
                "miss_rate": 1 - self.recall,
                "f1": self.f1,
                "average_distance_angstrom": self.average_distance,
            },
            "classification": {
                name: {
                    "tp": counts.tp,
                    "fp": counts.fp,
                    "fn": counts.fn,
                    "precision": counts.precision,
                    "recall": counts.recall,
                    "f1": counts.f_beta(1),
                    "found": len(off := self.distances[name]),
                    "picks_on_nothing": int(self.false[places[name]]),
                    "hit_more_than_once": int(self.multiple[places[name]]),
                    "average_distance_angstrom": float(off.mean()) if len(off) else None,
                }
                for name, counts in self.classes.items()
            },
            "mean_class_f1": self.mean_class_f1,
            "called": {"columns": [*places, ""], "counts": self.table.tolist()},
        }
