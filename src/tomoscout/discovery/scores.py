"""From embeddings to scores: presence, a soft score by margin, and score maps of both.

A crop is on the side of the nearest centre. How far it is on that side is its margin: the distance
to the nearest centre of other clusters, less that to the nearest centre of its own. The margin is 0
at the border, and a logistic function makes it a score: 0.5 there, whatever the clusters. Its
steepness is measured once, when clusters are found, and kept: scores of tomograms that are looked
at later mean the same.

Whatever scores embeddings (`SoftScores`, ``prototypes.Prototypes``) keeps the contract `Scorer`,
and its scores become maps of the common format: every picker, tuner and metric applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.special import expit

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.discovery.cluster import NOISE, Clusters
from tomoscout.inference.embedding import EmbeddedLayer
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.sliding_window import Slab

PARTICLE = "particle"
"""Name of what is found when kept clusters are taken together."""

_AT_TYPICAL = 2.0  # logit of the typical margin: a score of 0.88, with room above it in float16


@runtime_checkable
class Scorer(Protocol):
    """What turns embeddings into scores of objects."""

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the objects, in order."""
        ...

    def score(self, vectors: Float[np.ndarray, "n f"]) -> Float32[np.ndarray, "o n"]:
        """Return the score of each object, 0 to 1, for each embedding."""
        ...


def name_of(cluster: int) -> str:
    """Return what picks of a cluster are called, and those of none (`NOISE`)."""
    return "no-cluster" if cluster == NOISE else f"cluster-{cluster}"


def presence(
    vectors: Float[np.ndarray, "n f"], clusters: Clusters, particle: Sequence[int]
) -> UInt8[np.ndarray, " n"]:
    """Return 1 for embeddings whose cluster is one of ``particle``, 0 for others."""
    return np.isin(clusters.assign(vectors), _checked(clusters, particle)).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class SoftScores:
    """Scores by margin.

    Attributes
    ----------
    clusters
        The groups of embeddings.
    groups
        Objects, and the clusters that each is made of.
    typical
        Margin that scores 0.88, of each object.
    """

    clusters: Clusters
    groups: Mapping[str, tuple[int, ...]]
    typical: tuple[float, ...]

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the objects, in order."""
        return tuple(self.groups)

    def margins(self, vectors: Float[np.ndarray, "n f"]) -> Float[np.ndarray, "o n"]:
        """Return how much nearer embeddings are to an object's clusters than to all others."""
        return _margins(vectors, self.clusters, self.groups)

    def score(self, vectors: Float[np.ndarray, "n f"]) -> Float32[np.ndarray, "o n"]:
        """Return the margins as scores, 0 to 1 and 0.5 at the border."""
        steepness = _AT_TYPICAL / np.array(self.typical)
        return expit(self.margins(vectors) * steepness[:, None]).astype(np.float32)


def soft_scores(
    vectors: Float[np.ndarray, "n f"], clusters: Clusters, keep: Sequence[int], *, together: bool
) -> SoftScores:
    """Make scores of the clusters that are kept, as steep as their margins in a sample ask for.

    Parameters
    ----------
    vectors
        A sample of embeddings, such as those that were grouped.
    clusters
        The groups.
    keep
        Numbers of those that are particles.
    together
        Whether they are one object (`PARTICLE`), between whose clusters there is no border, or an
        object each (`name_of`), told apart from the ground and from one another.

    Raises
    ------
    UserError
        If a number is not that of a cluster, none is kept, or nothing is left beside them.
    """
    kept = _checked(clusters, keep)
    groups = {PARTICLE: kept} if together else {name_of(c): (c,) for c in kept}
    margins = np.abs(_margins(vectors, clusters, groups))
    typical = np.median(margins, axis=1) if margins.shape[1] else np.ones(len(groups))
    return SoftScores(clusters, groups, tuple(float(m) or 1.0 for m in typical))


def stream_map(layers: Iterable[EmbeddedLayer], scorer: Scorer) -> Iterator[Slab]:
    """Yield the score map of an embedded tomogram, plane by plane as its layers come."""
    for layer in layers:
        rows, columns, features = layer.vectors.shape
        scores = scorer.score(layer.vectors.reshape(-1, features))
        plane = scores.reshape(len(scores), 1, rows, columns)
        yield Slab(layer.index, plane.astype(np.float16))


def score_map(layers: Iterable[EmbeddedLayer], scorer: Scorer, *, geometry: Geometry) -> ScoreMap:
    """Return the score map of an embedded tomogram, in memory.

    Parameters
    ----------
    layers
        From ``inference.embedding.embed`` at a stride.
    scorer
        What scores their embeddings.
    geometry
        The tomogram's, at that stride.

    Raises
    ------
    ValueError
        If the layers are not those of the geometry's cells.
    """
    data = np.zeros((len(scorer.objects), *geometry.cells), np.float16)
    done = 0
    for slab in stream_map(layers, scorer):
        if slab.start != done or slab.scores.shape[2:] != geometry.cells[1:]:
            raise ValueError(
                f"layer {slab.start} of {slab.scores.shape[2:]} crops, expected layer {done} of "
                f"{geometry.cells[1:]}: embed at stride {geometry.stride}"
            )
        data[:, slab.start] = slab.scores[:, 0]
        done += 1
    if done != geometry.cells[0]:
        raise ValueError(f"{done} layers, expected {geometry.cells[0]}")
    return ScoreMap(data, scorer.objects, geometry)


def scored_crops(
    vectors: Float[np.ndarray, "n f"],
    zyx: Float[np.ndarray, "n 3"],
    scores: SoftScores,
    *,
    run: str = "",
) -> Picks:
    """Return every crop with its score and its cluster's name, which ``metrics.presence`` scores.

    Parameters
    ----------
    vectors
        Embeddings, one row each.
    zyx
        Centres of their crops, in ångström.
    scores
        Of all kept clusters together.
    run
        Name of the run.
    """
    names = np.array(
        [name_of(cluster) for cluster in scores.clusters.assign(vectors).tolist()], str
    )
    return Picks(zyx, names, scores.score(vectors)[0].astype(np.float64), run=run)


def _margins(
    vectors: Float[np.ndarray, "n f"], clusters: Clusters, groups: Mapping[str, tuple[int, ...]]
) -> Float[np.ndarray, "o n"]:
    """Distance to the nearest centre outside a group, less that to the nearest one inside."""
    distance = clusters.distances(vectors)
    rows = np.arange(len(distance))
    every = np.arange(len(clusters))
    margins = []
    for members in groups.values():
        inside = np.array(members)
        own: Bool[np.ndarray, " k"] = np.isin(every, inside)
        nearest = inside[distance[:, own].argmin(axis=1)] if len(distance) else inside[:0]
        # The edge of a dense cluster is a border like that to a neighbour.
        border = np.minimum(distance[:, ~own].min(axis=1, initial=np.inf), clusters.reach[nearest])
        margins.append(border - distance[rows, nearest])
    return np.stack(margins)


def _checked(clusters: Clusters, keep: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of clusters in order, each once."""
    kept = tuple(sorted(set(keep)))
    wrong = [c for c in kept if not 0 <= c < len(clusters)]
    if wrong or not kept:
        told = f"no cluster {wrong[0]}" if wrong else "no cluster is kept"
        raise UserError(f"{told}: choose from 0 to {len(clusters) - 1}")
    if len(kept) == len(clusters) and not np.isfinite(clusters.reach).all():
        raise UserError("all clusters are kept: leave out those that are ground")
    return kept
