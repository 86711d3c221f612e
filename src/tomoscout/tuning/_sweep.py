"""The scores of one object at every threshold, and the best of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from tomoscout.metrics import Counts
from tomoscout.tuning._curve import Curve, ranks

FEW = 20
"""With fewer truths than this a tuned threshold says more about them than about the object."""


@dataclass(frozen=True)
class Best:
    """An operating point.

    Attributes
    ----------
    threshold
        Picks are accepted from this score on.
    counts
        Hits, false alarms and misses there, under the CZII rules.
    f_beta
        F-beta there.
    """

    threshold: float
    counts: Counts
    f_beta: float


@dataclass(frozen=True, eq=False)
class Sweep:
    """One object's counts at every threshold that makes a difference.

    Attributes
    ----------
    name
        The object.
    thresholds
        `(t,)` distinct scores of the predictions, falling; predictions at or above count.
    tp
        `(t,)` truths found.
    n_predicted
        `(t,)` predictions.
    n_truth
        Truths.
    beta
        How many times as much recall counts as precision.
    default
        Threshold to use when nothing can be tuned.
    floor
        Lowest score that the picker looked at; 0 when it is not known.
    nested
        Whether a threshold only ever drops picks, so that all thresholds are known from one
        picking. Else the thresholds here are the ones that were picked with.
    """

    name: str
    thresholds: Float[np.ndarray, " t"]
    tp: Int[np.ndarray, " t"]
    n_predicted: Int[np.ndarray, " t"]
    n_truth: int
    beta: float
    default: float
    floor: float = 0.0
    nested: bool = True

    @property
    def precision(self) -> Float[np.ndarray, " t"]:
        """`(t,)` share of the predictions that are right."""
        return self.tp / np.maximum(self.n_predicted, 1)

    @property
    def recall(self) -> Float[np.ndarray, " t"]:
        """`(t,)` share of the truths that are found."""
        return self.tp / max(self.n_truth, 1)

    @property
    def f_beta(self) -> Float[np.ndarray, " t"]:
        """`(t,)` F-beta."""
        square = self.beta**2
        # (1 + b²) p r / (b² p + r), with p and r written out, needs no case for 0.
        below = square * self.n_truth + self.n_predicted
        return (1 + square) * self.tp / np.maximum(below, 1)  # of nothing at all it is 0

    @property
    def is_tuned(self) -> bool:
        """Whether any prediction hits a truth; if not, ``best`` is the default threshold."""
        return bool(self.tp.any())

    @property
    def curve(self) -> Curve:
        """F-beta at every threshold."""
        return Curve(self.thresholds, self.f_beta, self.floor, self.nested)

    @property
    def best(self) -> Best:
        """The threshold with the highest F-beta; of equally good ones the lowest.

        It is the geometric mean of the last score accepted and the next one (or the floor), so
        that small changes of the scores change nothing.
        """
        return self.at(self.curve.highest() if self.is_tuned else self.default)

    def steady(self, spread: float) -> Best:
        """Return the threshold that does best if scores elsewhere are off by a factor.

        ``best`` is the best for these very scores. On another tomogram they are all a little
        higher or lower, and a threshold too low costs some false alarms where one too high costs
        misses: this one has the highest F-beta on average over such factors.

        Parameters
        ----------
        spread
            Standard deviation of the factor's logarithm; 0 gives ``best``.
        """
        return self.at(self.curve.steady(spread) if self.is_tuned else self.default)

    def at(self, threshold: float) -> Best:
        """Return the operating point of any threshold."""
        rank = int(ranks(self.thresholds, np.array(threshold)))
        tp, n = (int(self.tp[rank]), int(self.n_predicted[rank])) if rank >= 0 else (0, 0)
        counts = Counts(tp, n - tp, self.n_truth - tp)
        return Best(threshold, counts, counts.f_beta(self.beta))

    @property
    def caution(self) -> str:
        """What to know before trusting the threshold, in one line; empty when all is well."""
        kept = f"the threshold stays {self.default:g}"
        if not self.n_truth:
            return f"{self.name}: no particle in the truth, {kept}"
        if not self.is_tuned:
            return f"{self.name}: no pick hits one of its {self.n_truth} particles, {kept}"
        if self.n_truth < FEW:
            return (
                f"{self.name}: tuned on {self.n_truth} particles only, "
                f"take the threshold as a guess below {FEW}"
            )
        return ""
