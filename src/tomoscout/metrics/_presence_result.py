"""Crops, each scored and sorted: what AUROC, F1 and the agreement of clusters are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.metrics._ranked import Ranked
from tomoscout.metrics._result import Counts

BACKGROUND = "background"
"""The first column of the table of clusters: crops without a particle."""

CLUSTER = re.compile(r"no-cluster|cluster-(\d+)")
"""What clusters are called, and crops of none."""


@dataclass(frozen=True, eq=False)
class Presence:
    """Crops of all runs: what they hold, how they were scored, how they were sorted.

    Attributes
    ----------
    scores
        `(n,)` how likely each crop was said to hold a particle.
    labels
        `(n,)` label of the particle it holds, from 1 in the order of the table; 0 for none.
    clusters
        `(n,)` name of its cluster.
    truths, uncovered
        Particles, and those that no crop is near enough to hold: a finer grid would.
    objects
        The kinds of particles.
    reach
        How far off the centre of a crop's particle may be, in ångström; None for the particle's
        radius.
    threshold
        Crops scored this much or more were called particles.
    """

    scores: Float[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]
    clusters: Shaped[np.ndarray, " n"]
    truths: int
    uncovered: int
    objects: ObjectTable
    reach: float | None
    threshold: float

    def __add__(self, other: Presence) -> Presence:
        if (self.objects, self.reach, self.threshold) != (
            other.objects,
            other.reach,
            other.threshold,
        ):
            raise ValueError("presences of other objects, reaches or thresholds do not add up")
        return replace(
            self,
            scores=np.concatenate([self.scores, other.scores]),
            labels=np.concatenate([self.labels, other.labels]),
            clusters=np.concatenate([self.clusters, other.clusters]),
            truths=self.truths + other.truths,
            uncovered=self.uncovered + other.uncovered,
        )

    def at(self, threshold: float) -> Presence:
        """Return the same crops, called particles from another threshold on."""
        return replace(self, threshold=threshold)

    @property
    def is_positive(self) -> Bool[np.ndarray, " n"]:
        """Which crops hold a particle."""
        return self.labels > 0

    @property
    def ranked(self) -> Ranked:
        """The crops by score, for curves."""
        return Ranked(self.scores, self.is_positive, int(self.is_positive.sum()))

    @property
    def counts(self) -> Counts:
        """Crops rightly called particles, wrongly, and wrongly not."""
        called, positive = self.scores >= self.threshold, self.is_positive
        return Counts(
            tp=int((called & positive).sum()),
            fp=int((called & ~positive).sum()),
            fn=int((~called & positive).sum()),
        )

    @property
    def confusion(self) -> Int[np.ndarray, "2 2"]:
        """Rows are what crops are, columns what they were called: nothing, then a particle."""
        c = self.counts
        return np.array([[len(self.scores) - c.tp - c.fp - c.fn, c.fp], [c.fn, c.tp]])

    @property
    def auroc(self) -> float | None:
        """Chance that a crop with a particle outscores one without; None without either."""
        return _auroc(self.is_positive, self.scores)

    @property
    def average_precision(self) -> float | None:
        """Area under precision against recall; chance has the share of positives as its AP."""
        return self.ranked.average_precision

    def best_threshold(self) -> float:
        """Return the threshold at which F1 is highest here: for runs that are not the test's.

        Raises
        ------
        UserError
            If no crop holds a particle.
        """
        if not self.is_positive.any():
            raise UserError("no crop holds a particle: choose a threshold on runs that have some")
        precision, recall = self.ranked.curve()
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        return float(np.unique(self.scores)[::-1][int(f1.argmax())])

    def adjusted_rand(self, *, particles_only: bool = False) -> float | None:
        """Return the ARI of clusters and objects, background being one; None of one object only."""
        return self._agreement(adjusted_rand_score, particles_only)

    def mutual_information(self, *, particles_only: bool = False) -> float | None:
        """Return the NMI of clusters and objects, background being one; None of one object only."""
        return self._agreement(normalized_mutual_info_score, particles_only)

    def _agreement(self, measure: Callable[..., Any], particles_only: bool) -> float | None:
        chosen = self.is_positive if particles_only else np.ones(len(self.labels), bool)
        if len(np.unique(self.labels[chosen])) < 2:
            return None
        numbers = np.unique(self.clusters[chosen], return_inverse=True)[1]
        return float(measure(self.labels[chosen], numbers))

    @property
    def names(self) -> list[str]:
        """Names that occur, clusters by number, then objects."""
        numbers = {}
        for name in np.unique(self.clusters).tolist():
            cluster = CLUSTER.fullmatch(name)
            numbers[name] = np.inf if cluster is None else int(cluster[1] or -1)
        return sorted(numbers, key=lambda name: numbers[name])

    @property
    def table(self) -> Int[np.ndarray, "clusters kinds"]:
        """Crops by cluster (rows, as in ``names``) and by what they hold (background first)."""
        wide = len(self.objects) + 1
        rows = [np.bincount(self.labels[self.clusters == n], minlength=wide) for n in self.names]
        return np.array(rows, int).reshape(-1, wide)

    def facts(self) -> dict[str, Any]:
        """Return counts and ratios as plain values, for a file."""
        counts, positive = self.counts, int(self.is_positive.sum())
        return {
            "crops": len(self.scores),
            "positive": positive,
            "truths": self.truths,
            "uncovered": self.uncovered,
            "reach_angstrom": self.reach,
            "threshold": self.threshold,
            "auroc": self.auroc,
            "average_precision": self.average_precision,
            "precision": counts.precision,
            "recall": counts.recall,
            "f1": counts.f_beta(1),
            "confusion": self.confusion.tolist(),
            "adjusted_rand": self.adjusted_rand(),
            "mutual_information": self.mutual_information(),
            "adjusted_rand_of_particles": self.adjusted_rand(particles_only=True),
            "mutual_information_of_particles": self.mutual_information(particles_only=True),
            "objects": {name: self._of(label) for label, name in enumerate(self.objects.names, 1)},
            "clusters": {
                "rows": self.names,
                "columns": [BACKGROUND, *self.objects.names],
                "counts": self.table.tolist(),
            },
        }

    def _of(self, label: int) -> dict[str, Any]:
        """Return how well crops of one object are told from crops without any particle."""
        mine = self.labels == label
        chosen = mine | ~self.is_positive
        found = int((mine & (self.scores >= self.threshold)).sum())
        return {
            "positive": int(mine.sum()),
            "recall": found / int(mine.sum()) if found else 0.0,
            "auroc": _auroc(mine[chosen], self.scores[chosen]),
        }


def _auroc(is_positive: Bool[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> float | None:
    """Return the area under the receiver operating characteristic; None of one kind only."""
    if len(np.unique(is_positive)) < 2:
        return None
    return float(roc_auc_score(is_positive, scores))
