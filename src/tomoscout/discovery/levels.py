"""What likeness to an object means: from crops in general to an example of it.

Cosines of different objects do not compare: one with five prototypes, or with a plain look, is near
to everything. So likeness is measured in steps of each object's own: 0 is what crops in general
reach (the median of the background sample, which a few particles in it hardly move), 1 what an
example reaches with the prototypes of the other examples, which do not know it. A single example is
held against its own other views, and less is asked of others, with which it shares no noise.

Where the border lies between the two depends on how rare the object is and how widely the ground
scatters: it is where, with equal and normal scatter on both sides, a crop is as likely the one as
the other. A poor encoder would put it far beyond 1, where nothing is; it goes beyond 1 only until
no more of the ground passes than the object is expected to have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_OWN = 0.75  # of the likeness of a single example to itself; the rest is noise that it shares


@dataclass(frozen=True)
class Level:
    """What likenesses to one object mean.

    Attributes
    ----------
    examples
        How many it rests on.
    ground
        Likeness of crops in general: their median.
    spread
        Half the width of the middle 68 % of them.
    reached
        Mean likeness of an example to the others.
    border
        Where a score is 0.5, in steps from ``ground`` (0) to ``reached`` (1).
    """

    examples: int
    ground: float
    spread: float
    reached: float
    border: float

    @property
    def separation(self) -> float:
        """Steps of the ground's scatter from the ground to the examples; below 3 is poor."""
        return (self.reached - self.ground) / self.spread


def measure_level(
    ground: Float[np.ndarray, " n"], reached: float, examples: int, *, rarity: float
) -> Level:
    """Measure what likenesses to an object mean.

    Parameters
    ----------
    ground
        Those of the background sample.
    reached
        Mean of those of examples to prototypes made without them; of a single example, of one view
        of it to the others.
    examples
        How many there are.
    rarity
        Share of crops that are expected to show the object.
    """
    low, middle, high = (float(v) for v in np.percentile(ground, (16, 50, 84)))
    spread = max((high - low) / 2, 1e-6)
    if examples == 1:
        reached = middle + _OWN * (reached - middle)
    # Examples that are no more alike than anything is: likeness still ranks crops, by its scatter.
    step = max(reached - middle, spread)
    odds = math.log((1 - rarity) / rarity)
    passing = (float(np.quantile(ground, 1 - rarity)) - middle) / step
    border = min(0.5 + odds / (step / spread) ** 2, max(1.0, passing))
    return Level(examples, middle, spread, middle + step, border)
