"""From scored candidates to picks: who passes, which object it is, and one pick per particle."""

from __future__ import annotations

import numpy as np

from tomoscout.core.picks import Picks
from tomoscout.discovery.scores import Scorer
from tomoscout.io.embeddings import EmbeddedRun
from tomoscout.ops.suppress import suppress


def pick_places(
    found: EmbeddedRun, scorer: Scorer, *, radii: dict[str, float], threshold: float
) -> Picks:
    """Turn the candidates of a run into picks, best first within each object.

    A candidate is picked as the object that it scores highest for. Of picks of one object within
    1.2 radii of each other only the best stays, as ``pickers.local_max`` has it.

    Parameters
    ----------
    found
        An embedded run.
    scorer
        Clusters or prototypes.
    radii
        Radius of each object, in ångström.
    threshold
        Lowest score of a pick.
    """
    parts = [Picks.empty(found.run, found.extent)]
    if len(found.places):
        scores = scorer.score(found.place_vectors.astype(np.float32))
        best = scores.argmax(axis=0)
        for channel, name in enumerate(scorer.objects):
            mine = np.flatnonzero((best == channel) & (scores[channel] >= threshold))
            zyx, score = found.places[mine], scores[channel, mine].astype(np.float64)
            kept = suppress(zyx, score, 1.2 * radii[name])
            parts.append(Picks(zyx[kept], name, score[kept]).best_first())
    return Picks.concatenate(parts)
