"""Presence: does a place hold a particle? The score of maps and clusters made without labels.

The unit is a crop of a regular grid. It is positive when the centre of a particle lies within a
stated distance of its own, and stands for the nearest such particle. All crops of a run are given,
each with a score, higher where a particle is likelier, and with its cluster as its name. How well
scores part positives from the rest is the AUROC and the average precision (AP), which need no
threshold, and F1 at the threshold given; whether clusters are kinds of particles is the adjusted
Rand index (ARI) and the normalised mutual information (NMI). Choose the threshold, and which
cluster is particle, on other runs than these; docs/discovery.md has the whole protocol.

A cluster means the same in every run: clusters of runs that were clustered one by one do not
add up. Hubert and Arabie, 1985, doi:10.1007/BF01908075, for the ARI; NMI is divided by the mean of
both entropies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.metrics._nearest import nearest_in_reach
from tomoscout.metrics._presence_result import CLUSTER, Presence
from tomoscout.metrics._runs import labels_of, paired


def score(
    picks: Sequence[Picks] | Picks,
    truth: Sequence[Picks] | Picks,
    *,
    objects: ObjectTable = CZII,
    reach: float | None = None,
    threshold: float = 0.5,
) -> Presence:
    """Compare crops with the particles that they hold.

    Parameters
    ----------
    picks
        The centres of all crops, each with a score. Its name is that of its cluster, such as
        ``cluster-3``, or ``no-cluster``, or the object of the table that it was recognised as. Runs
        that the truth lacks are ignored.
    truth
        All particles of the runs, whatever their weight.
    objects
        Their kinds and radii.
    reach
        How far from a crop's centre the centre of its particle may be, in ångström, the bound
        included; None takes the particle's radius.
    threshold
        Score from which on a crop is called a particle; never one that these runs chose.

    Raises
    ------
    UserError
        If the reach is not above 0, a score is not a number, a name is neither a cluster's nor in
        the table, or a truth has a name that the table lacks.
    """
    if reach is not None and not 0 < reach < math.inf:
        raise UserError(f"the reach must be above 0 Å, found {reach:g}: give it in ångström")
    reaches = {one.name: reach or one.radius for one in objects.each()}
    crops = [Picks.empty()]
    labels, truths, uncovered = [np.zeros(0, np.intp)], 0, 0
    for run, (found, known) in paired(picks, truth).items():
        _check(found, objects, run)
        label = labels_of(known, objects) + 1
        on = nearest_in_reach(found.zyx, known, objects=objects, reach=reaches)
        labels.append(np.append(label, 0)[on])  # -1, nothing, is the last
        far = np.array([reaches[str(name)] for name in np.asarray(known.objects)])
        truths += len(known)
        uncovered += int((_nearest_crop(found, known) > far).sum())
        crops.append(found)
    return Presence(
        scores=np.concatenate([one.score_array for one in crops]),
        labels=np.concatenate(labels),
        clusters=np.concatenate([np.asarray(one.objects) for one in crops]),
        truths=truths,
        uncovered=uncovered,
        objects=objects,
        reach=reach,
        threshold=threshold,
    )


def _nearest_crop(found: Picks, known: Picks) -> Float[np.ndarray, " n"]:
    """Return how far the nearest crop is from each particle."""
    if not len(found):
        return np.full(len(known), np.inf)
    return np.asarray(cKDTree(found.zyx).query(known.zyx)[0])


def _check(found: Picks, objects: ObjectTable, run: str) -> None:
    """Refuse names that are no clusters, and scores that are no numbers."""
    for name in found.names:
        if not CLUSTER.fullmatch(name):
            objects[name]  # an unknown name raises here, with the nearest known one
    if not np.isfinite(found.score_array).all():
        raise UserError(
            f"run '{run}': the score of a crop is not a number: score every crop of the grid"
        )
