"""Which channel each pick belongs to."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks


def channels(picks: Picks, objects: ObjectTable) -> Int[np.ndarray, " n"]:
    """Return the channel of each pick; a name that the table lacks raises."""
    known = {name: channel for channel, name in enumerate(objects.names)}
    names = np.asarray(picks.objects).tolist()
    for name in set(names) - known.keys():
        objects[name]  # raises, and names the nearest object
    return np.array([known[name] for name in names], np.int64)
