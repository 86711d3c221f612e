"""Crops that look alike, grouped by their embeddings.

``kmeans`` cuts everything there is into as many groups as are asked for: two for particle or not,
as the 2-D method that began this does, a dozen to look at what a tomogram holds. ``hdbscan`` finds
as many dense groups as there are and calls the rest noise: choose it where most crops are nothing
in particular, and where nobody knows how many kinds there are. Groups are numbered by falling size,
so that the number of a group means something, and stays what it was when the same crops are grouped
again.

Lloyd, 1982, doi:10.1109/TIT.1982.1056489; Sculley, 2010, doi:10.1145/1772690.1772862 (small
batches); Campello, Moulavi and Sander, 2013, doi:10.1007/978-3-642-37456-2_14.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int
from pydantic import Field
from scipy.spatial.distance import cdist
from sklearn.cluster import HDBSCAN, KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA

from tomoscout.core import usual
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings

NOISE = -1
"""Label of crops that belong to no cluster."""

_WHOLE = 20_000  # crops that k-means goes through as a whole, ten times; of more, batches
_REACH = 0.95  # of a dense cluster's members lie within its reach; the last ones are stragglers


class ClusterSettings(Settings):
    """How crops are grouped."""

    method: Literal["kmeans", "hdbscan"] = usual.GROUPING
    """``kmeans``: so many groups; ``hdbscan``: the dense ones, and noise."""
    k: int = Field(default=usual.CLUSTERS, ge=2)
    """Groups of ``kmeans``."""
    smallest: int = Field(default=50, ge=2)
    """Crops that a dense group has at least (``hdbscan``)."""
    dimensions: int = Field(default=16, ge=1)
    """Principal components that density is measured in (``hdbscan``): in hundreds of dimensions
    all distances are alike, and nothing is dense."""
    most: int = Field(default=20_000, ge=2)
    """Crops that dense groups are looked for in, drawn at random from more (``hdbscan``)."""
    seed: int = 0
    """Of whatever is drawn at random."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups of embeddings.

    Attributes
    ----------
    centres
        `(k, f)` means of the members.
    labels
        `(n,)` cluster of each embedding that was grouped, from 0; `NOISE` for none.
    reach
        `(k,)` distance from a centre beyond which an embedding belongs to no cluster; infinite
        where clusters share out everything.
    """

    centres: Float32[np.ndarray, "k f"]
    labels: Int[np.ndarray, " n"]
    reach: Float32[np.ndarray, " k"]

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def sizes(self) -> Int[np.ndarray, " k"]:
        """Members of each cluster."""
        return np.bincount(self.labels[self.labels != NOISE], minlength=len(self))

    def distances(self, vectors: Float[np.ndarray, "m f"]) -> Float[np.ndarray, "m k"]:
        """Return how far embeddings lie from each centre."""
        return cdist(vectors, self.centres)

    def assign(self, vectors: Float[np.ndarray, "m f"]) -> Int[np.ndarray, " m"]:
        """Return the cluster of each embedding, old or new: that of the nearest centre in reach."""
        distance = self.distances(vectors)
        nearest = distance.argmin(axis=1)
        far = distance[np.arange(len(nearest)), nearest] > self.reach[nearest]
        return np.where(far, NOISE, nearest)


def find_clusters(
    vectors: Float32[np.ndarray, "n f"], settings: ClusterSettings | None = None
) -> Clusters:
    """Group embeddings, one row each, as the settings say.

    Raises
    ------
    UserError
        If there are too few of them, or no dense group is found.
    """
    settings = settings or ClusterSettings()
    if settings.method == "kmeans":
        return kmeans(vectors, settings.k, seed=settings.seed)
    return hdbscan(
        vectors,
        smallest=settings.smallest,
        dimensions=settings.dimensions,
        most=settings.most,
        seed=settings.seed,
    )


def kmeans(vectors: Float32[np.ndarray, "n f"], k: int, *, seed: int = 0) -> Clusters:
    """Cut embeddings into ``k`` groups, each nearest to its own mean.

    Parameters
    ----------
    vectors
        One embedding a row.
    k
        Groups.
    seed
        Of the first centres; the best of ten starts is kept, of three where there are many crops.

    Raises
    ------
    UserError
        If there are fewer different embeddings than groups.
    """
    different = len(np.unique(vectors, axis=0)) if len(vectors) <= 10 * k else len(vectors)
    if different < k:
        raise UserError(f"{different} different crops make no {k} clusters: embed more of them")
    if len(vectors) <= _WHOLE:
        fitted = KMeans(k, n_init=10, max_iter=1000, tol=1e-6, random_state=seed).fit(vectors)
    else:
        begun = MiniBatchKMeans(k, n_init=3, batch_size=4096, random_state=seed).fit(vectors)
        # Batches leave centres near the means; a few rounds over everything settle them.
        fitted = KMeans(k, init=begun.cluster_centers_, n_init=1, max_iter=10).fit(vectors)
    centres = fitted.cluster_centers_.astype(np.float32)
    order = _by_size(cdist(vectors, centres).argmin(axis=1), k)
    settled = Clusters(centres[order], np.zeros(0, np.intp), np.full(k, np.inf, np.float32))
    return replace(settled, labels=settled.assign(vectors))


def hdbscan(
    vectors: Float32[np.ndarray, "n f"],
    *,
    smallest: int,
    dimensions: int,
    most: int,
    seed: int = 0,
) -> Clusters:
    """Find the dense groups among embeddings; what lies between them is noise.

    Parameters
    ----------
    vectors
        One embedding a row.
    smallest
        Members that a group has at least.
    dimensions
        Principal components that density is measured in.
    most
        Embeddings that are looked at. Of more, so many are drawn at random, and the others go to
        the nearest centre if they lie in its reach.
    seed
        Of the draw.

    Raises
    ------
    UserError
        If there are fewer embeddings than a group has, or no dense group.
    """
    if len(vectors) < smallest:
        raise UserError(f"{len(vectors)} crops are fewer than the {smallest} of a cluster")
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(vectors))[:most])
    drawn = vectors[chosen]
    components = PCA(min(dimensions, *drawn.shape), random_state=seed).fit_transform(drawn)
    labels = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(components)
    if (labels == NOISE).all():
        raise UserError(
            f"no dense cluster of {smallest} crops among {len(drawn)}: "
            "look for smaller ones, or share the crops out by kmeans"
        )
    order = _by_size(labels[labels != NOISE], int(labels.max()) + 1)
    members = [drawn[labels == old] for old in order.tolist()]
    centres = np.stack([some.mean(axis=0, dtype=np.float64) for some in members])
    centres = centres.astype(np.float32)
    reach = [
        np.quantile(cdist(some, centre[None]), _REACH)
        for some, centre in zip(members, centres, strict=True)
    ]
    found = Clusters(centres, np.zeros(0, np.intp), np.array(reach, np.float32))
    every = found.assign(vectors)
    number = np.append(np.argsort(order), NOISE)  # what an old label is called now; the last is -1
    every[chosen] = number[labels]
    return replace(found, labels=every)


def _by_size(labels: Int[np.ndarray, " n"], k: int) -> Int[np.ndarray, " k"]:
    """Return the clusters by falling size."""
    return np.argsort(-np.bincount(labels, minlength=k), kind="stable")
