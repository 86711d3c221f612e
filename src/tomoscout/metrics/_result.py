"""What every metric returns: counts per run and object, and the ratios they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable

BETA = 4.0
"""How many times as much recall counts as precision, in the CZII challenge."""

REACH = 0.5
"""How far off a hit may be, as a fraction of the object's radius, in the CZII challenge."""


@dataclass(frozen=True)
class Counts:
    """Hits, false alarms and misses of one object; counts of several runs add up.

    Attributes
    ----------
    tp
        Truths that were found.
    fp
        Predictions less the truths found. Under the CZII rules one prediction may find two
        truths, so this can be -1.
    fn
        Truths that were missed.
    distances
        `(h,)` how far off the hits are, in ångström; not compared by ``==``.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    distances: Float[np.ndarray, " h"] = field(
        default_factory=lambda: np.zeros(0), compare=False, repr=False
    )

    def __add__(self, other: Counts) -> Counts:
        return Counts.total([self, other])

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        """Add many counts up."""
        parts = list(parts)
        distances = np.concatenate([np.zeros(0), *(part.distances for part in parts)])
        tp, fp, fn = (sum(getattr(part, kind) for part in parts) for kind in ("tp", "fp", "fn"))
        return cls(tp, fp, fn, distances)

    @property
    def precision(self) -> float:
        """Share of the predictions that are right; 0 without predictions."""
        return self.tp / (self.tp + self.fp) if self.tp else 0.0

    @property
    def recall(self) -> float:
        """Share of the truths that are found; 0 without truths."""
        return self.tp / (self.tp + self.fn) if self.tp else 0.0

    @property
    def error(self) -> float | None:
        """Median distance of the hits from the truth, in ångström; None without hits."""
        return float(np.median(self.distances)) if len(self.distances) else None

    def f_beta(self, beta: float) -> float:
        """Weighted harmonic mean of precision and recall; recall counts ``beta`` times as much."""
        if not self.tp:
            return 0.0
        p, r = self.precision, self.recall
        return (1 + beta**2) * p * r / (beta**2 * p + r)

    def facts(self, beta: float) -> dict[str, Any]:
        """Return counts and ratios as plain numbers, for a file."""
        return {
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f_beta(1),
            "f_beta": self.f_beta(beta),
            "error_angstrom": self.error,
        }


@dataclass(frozen=True)
class Result:
    """The score of picks against the truth: counts per run and object, ratios over all runs.

    Attributes
    ----------
    runs
        Counts by run name, then by object name; every run has every object of the table.
    objects
        The objects, with their weights.
    beta
        Weight of recall against precision.
    """

    runs: Mapping[str, Mapping[str, Counts]]
    objects: ObjectTable
    beta: float

    def __add__(self, other: Result) -> Result:
        """Join the runs of two results; counts of a run that is in both add up."""
        if (self.objects, self.beta) != (other.objects, other.beta):
            raise ValueError("results of different objects or betas do not add up")
        runs = dict(self.runs)
        for run, counts in other.runs.items():
            old = runs.get(run)
            runs[run] = {n: old[n] + c for n, c in counts.items()} if old else counts
        return Result(runs, self.objects, self.beta)

    @cached_property
    def counts(self) -> dict[str, Counts]:
        """Counts per object, summed over the runs."""
        of_runs = self.runs.values()
        return {n: Counts.total(r[n] for r in of_runs) for n in self.objects.names}

    @property
    def precision(self) -> dict[str, float]:
        """Precision per object."""
        return {name: c.precision for name, c in self.counts.items()}

    @property
    def recall(self) -> dict[str, float]:
        """Recall per object."""
        return {name: c.recall for name, c in self.counts.items()}

    @property
    def f_beta(self) -> dict[str, float]:
        """F-beta per object."""
        return {name: c.f_beta(self.beta) for name, c in self.counts.items()}

    @property
    def absent(self) -> list[str]:
        """Objects without a single truth: they score 0 and keep their weight, as in the challenge.

        On a subset of runs that lacks an object, ``weighted`` is therefore lower than it could be.
        """
        return [name for name, c in self.counts.items() if c.tp + c.fn == 0]

    @property
    def weighted(self) -> float:
        """Mean of the objects' F-beta by their weights: the score of the challenge.

        Raises
        ------
        UserError
            If every object of the table has weight 0.
        """
        weights = {o.name: o.weight for o in self.objects.each()}
        total = sum(weights.values())
        if not total:
            raise UserError("every object has weight 0: give one in the object table a weight")
        return sum(weights[name] * f for name, f in self.f_beta.items()) / total

    @property
    def per_run(self) -> dict[str, float]:
        """``weighted`` of each run by itself; an object that the run lacks scores 0 there."""
        return {
            run: Result({run: counts}, self.objects, self.beta).weighted
            for run, counts in self.runs.items()
        }

    @property
    def per_run_mean(self) -> float:
        """Mean of the runs' own scores, as some evaluations report it instead of pooled counts.

        It is not the score of the challenge: a run with three particles says as much as one with
        three hundred, and a run that lacks an object loses the object's weight.
        """
        return float(np.mean(list(self.per_run.values()))) if self.runs else 0.0

    def facts(self) -> dict[str, Any]:
        """Return scores, counts and ratios as plain values, for a file."""
        return {
            "weighted": self.weighted,
            "per_run_mean": self.per_run_mean,
            "absent": self.absent,
            "objects": {name: c.facts(self.beta) for name, c in self.counts.items()},
        }

    def __str__(self) -> str:
        """Lay the result out as a table for reading."""
        width = max(len("weighted"), *(len(name) for name in self.objects.names))
        head = f"{'object':{width}}     tp     fp     fn  precision  recall  F{self.beta:g}"
        absent = self.absent
        rows = [
            f"{name:{width}}  {c.tp:5d}  {c.fp:5d}  {c.fn:5d}  {c.precision:9.3f}  {c.recall:6.3f}"
            f"  {c.f_beta(self.beta):.3f}{'  (absent from the truth)' * (name in absent)}"
            for name, c in self.counts.items()
        ]
        blank = " " * (len(head) - width - 4)
        return "\n".join([head, *rows, f"{'weighted':{width}}  {blank}{self.weighted:.3f}"])
