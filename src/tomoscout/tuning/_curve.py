"""A score at every threshold, and the threshold to take from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri


@dataclass(frozen=True, eq=False)
class Curve:
    """What is reached at every threshold that makes a difference.

    Attributes
    ----------
    thresholds
        `(t,)` distinct scores of the predictions, falling; predictions at or above count.
    values
        `(t,)` what is to be as high as possible.
    floor
        Lowest score that the picker looked at; 0 when it is not known.
    nested
        Whether a threshold only ever drops picks. Else what holds at one threshold says nothing
        about those beside it, and only the very thresholds that were tried are taken.
    """

    thresholds: Float[np.ndarray, " t"]
    values: Float[np.ndarray, " t"]
    floor: float = 0.0
    nested: bool = True

    def highest(self) -> float:
        """Return the threshold with the highest value; of equally good ones the lowest.

        It is the geometric mean of the last score accepted and the next one (or the floor), so
        that small changes of the scores change nothing.
        """
        last = int(np.flatnonzero(self.values == self.values.max())[-1])
        accepted = float(self.thresholds[last])
        if not self.nested:
            return accepted
        lower = self.thresholds[last + 1 : last + 2]
        return midway(accepted, float(lower[0]) if len(lower) else self.floor)

    def steady(self, spread: float) -> float:
        """Return the threshold that does best if scores elsewhere are off by a factor.

        Parameters
        ----------
        spread
            Standard deviation of the factor's logarithm; 0 gives ``highest``.
        """
        if spread == 0:
            return self.highest()
        lowest = self.floor or float(self.thresholds[-1])
        tried = grid(lowest, float(self.thresholds[0])) if self.nested else self.thresholds
        return steadiest(self.at, tried, lowest=lowest, spread=spread)

    def at(self, thresholds: Float[np.ndarray, "*t"]) -> Float[np.ndarray, "*t"]:
        """Return the values at any thresholds; 0 above the highest score."""
        rank = ranks(self.thresholds, thresholds)
        return np.where(rank >= 0, self.values[rank], 0.0)


def grid(lowest: float, highest: float) -> Float[np.ndarray, " t"]:
    """Return thresholds close enough that what lies between them does not matter."""
    return np.geomspace(lowest, highest, 400)


def steadiest(
    at: Callable[[Float[np.ndarray, "t k"]], Float[np.ndarray, "t k"]],
    tried: Float[np.ndarray, " t"],
    *,
    lowest: float,
    spread: float,
) -> float:
    """Return the threshold with the highest mean value when scores are off by a factor."""
    # Sixteen equally likely factors stand for the normal distribution of the logarithm.
    factors = np.exp(spread * ndtri((np.arange(16) + 0.5) / 16))
    # A threshold below the floor accepts what the picker looked at, and no more is known.
    mean = at(np.clip(np.outer(tried, factors), lowest, None)).mean(axis=1)
    return float(tried[int(mean.argmax())])


def ranks(
    falling: Float[np.ndarray, " t"], thresholds: Float[np.ndarray, "*t"]
) -> Int[np.ndarray, "*t"]:
    """Return the place of the lowest score that still reaches each threshold; -1 if none does."""
    return np.asarray(np.searchsorted(-falling, -thresholds, side="right") - 1)


def midway(accepted: float, refused: float) -> float:
    """Return a threshold that accepts scores from ``accepted`` on, and none at ``refused``."""
    # Midway in ratio, not in difference: scores of another tomogram are lower or higher by a
    # factor, and a false alarm costs a sixteenth of a miss.
    middle = math.sqrt(accepted * refused) if refused > 0 else accepted
    return middle if refused < middle <= accepted else accepted  # floats may leave no room
