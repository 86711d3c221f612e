"""Scored picks, each right or wrong: what curves over all thresholds are drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, eq=False)
class Reliability:
    """Whether scores mean what they say: of picks scored 0.8, eight in ten should be right.

    Attributes
    ----------
    edges
        `(b + 1,)` edges of the bins, from 0 to 1.
    total, right
        `(b,)` picks with such a score, and how many of them are right.
    mean_score
        `(b,)` mean score of the picks in the bin; NaN in an empty one.
    """

    edges: Float[np.ndarray, " edges"]
    total: Int[np.ndarray, " b"]
    right: Int[np.ndarray, " b"]
    mean_score: Float[np.ndarray, " b"]

    @property
    def error(self) -> float | None:
        """Expected calibration error: mean gap of score and share right, by picks; None of none."""
        filled = self.total > 0
        if not filled.any():
            return None
        gap = np.abs(self.mean_score[filled] - self.right[filled] / self.total[filled])
        return float(np.average(gap, weights=self.total[filled]))

    def facts(self) -> dict[str, Any]:
        """Return plain lists."""
        means = [float(mean) if np.isfinite(mean) else None for mean in self.mean_score]
        return {
            "edges": self.edges.tolist(),
            "total": self.total.tolist(),
            "right": self.right.tolist(),
            "mean_score": means,
            "expected_calibration_error": self.error,
        }


@dataclass(frozen=True, eq=False)
class Ranked:
    """The picks of one object over all runs, by score.

    Attributes
    ----------
    scores
        `(n,)` scores, in any order.
    is_hit
        `(n,)` whether the pick found a truth that no better one had found.
    n_truth
        Truths.
    """

    scores: Float[np.ndarray, " n"]
    is_hit: Bool[np.ndarray, " n"]
    n_truth: int

    @classmethod
    def join(cls, parts: Iterable[Ranked]) -> Ranked:
        """Put the picks of many runs, or objects, together."""
        parts = list(parts)
        return cls(
            np.concatenate([np.zeros(0), *(part.scores for part in parts)]),
            np.concatenate([np.zeros(0, bool), *(part.is_hit for part in parts)]),
            sum(part.n_truth for part in parts),
        )

    def curve(self) -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, " t"]]:
        """Return precision and recall at every distinct score, from the highest on.

        Picks of equal score come together: no threshold tells them apart.
        """
        order = np.argsort(-self.scores, kind="stable")
        falling, hits = self.scores[order], np.cumsum(self.is_hit[order])
        last = np.flatnonzero(np.diff(falling, append=np.nan) != 0)
        return hits[last] / (last + 1), hits[last] / max(self.n_truth, 1)

    @property
    def average_precision(self) -> float | None:
        """Area under precision against recall, without interpolation; None without truths.

        The mean of the precisions at which truths are found; a truth that is never found adds 0.
        """
        if not self.n_truth:
            return None
        precision, recall = self.curve()
        return float(np.sum(np.diff(recall, prepend=0.0) * precision))

    def reliability(self, bins: int = 10) -> Reliability | None:
        """Compare scores with the share that is right; None for scores that are no probabilities.

        Parameters
        ----------
        bins
            Bins of equal width between 0 and 1.
        """
        if len(self.scores) and not (self.scores.min() >= 0 and self.scores.max() <= 1):
            return None
        place = np.minimum((self.scores * bins).astype(int), bins - 1)
        total = np.bincount(place, minlength=bins)
        summed = np.bincount(place, weights=self.scores, minlength=bins)
        return Reliability(
            np.linspace(0, 1, bins + 1),
            total,
            np.bincount(place[self.is_hit], minlength=bins),
            np.where(total > 0, summed / np.maximum(total, 1), np.nan),
        )
