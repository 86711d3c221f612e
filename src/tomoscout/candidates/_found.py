"""What the ways of finding candidates share: a limit, and how they hand over what they found."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped
from pydantic import Field

from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings
from tomoscout.core.volume import Volume

CANDIDATE = "candidate"
"""What every candidate is called."""


class LimitSettings(Settings):
    """How many candidates are kept."""

    limit: int | None = Field(default=None, gt=0)
    """Most candidates to keep, the best; None keeps all."""


def as_picks(
    zyx: Float[np.ndarray, "n 3"],
    scores: Float[np.ndarray, " n"],
    names: Shaped[np.ndarray, " n"] | str = CANDIDATE,
    *,
    volume: Volume,
    limit: int | None = None,
) -> Picks:
    """Return candidates best first; of equal ones the first in (z, y, x) order."""
    order = np.lexsort((*zyx.T[::-1], -scores))[:limit]
    called = names if isinstance(names, str) else names[order]
    return Picks(zyx[order], called, scores[order], extent=volume.geometry.extent)
