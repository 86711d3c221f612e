"""From scored candidates to picks: who passes, which object it is, and one pick per particle."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from tomoscout.core.picks import Picks
from tomoscout.discovery.scores import Scorer
from tomoscout.io.embeddings import EmbeddedRun
from tomoscout.ops.suppress import suppress


def pick_places(
    found: EmbeddedRun, scorer: Scorer, *, radii: dict[str, float], threshold: float
) -> Picks:
    """Turn the candidates of a run into picks, best first within each object.

    A candidate is picked as the object that it scores highest for. Of picks of one object within
    1.2 radii of each other only the best stays, as ``pickers.local_max`` has it; of picks of two
    objects, the better one where they are nearer than half the sum of their radii: there is room
    for one particle only.

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
    frame = Picks.empty(found.run, found.extent)
    if not len(found.places):
        return frame
    scores = scorer.score(found.place_vectors.astype(np.float32))
    best = scores.argmax(axis=0)
    parts = []
    for channel, name in enumerate(scorer.objects):
        mine = np.flatnonzero((best == channel) & (scores[channel] >= threshold))
        zyx, score = found.places[mine], scores[channel, mine].astype(np.float64)
        kept = suppress(zyx, score, 1.2 * radii[name])
        parts.append(Picks(zyx[kept], name, score[kept]))
    picks = Picks.concatenate([frame, *parts]).best_first()
    picks = picks[_with_room(picks, radii)]
    return Picks.concatenate([frame, *(picks.of(name) for name in scorer.objects)])


def _with_room(picks: Picks, radii: dict[str, float]) -> list[int]:
    """Choose, best first, the picks that have no better one of any object too near."""
    if not len(picks):
        return []
    radius = np.array([radii[str(name)] for name in np.asarray(picks.objects)])
    near = cKDTree(picks.zyx).query_ball_point(picks.zyx, (radius + max(radii.values())) / 2)
    is_kept, kept = np.zeros(len(picks), bool), []
    for i, around in enumerate(near):  # thousands at most
        better = np.array([j for j in around if is_kept[j]], int)
        apart = np.linalg.norm(picks.zyx[better] - picks.zyx[i], axis=1)
        if (apart >= (radius[better] + radius[i]) / 2).all():
            is_kept[i] = True
            kept.append(i)
    return kept
