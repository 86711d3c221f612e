"""Where the embeddings of crops lie, in the colours of their clusters.

They are drawn in their two principal components, the projection that keeps most of their spread:
clusters that overlap in it may still lie apart in what it leaves out. ``umap`` shows these better:
see ``umap_plane``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from tomoscout.core import usual
from tomoscout.reporting.clusters import cluster_color
from tomoscout.reporting.figures import INK, MUTED, hex_color, new_figure
from tomoscout.reporting.umap_plane import umap_plane

Projection = Literal["pca", "umap"]

_MOST_DRAWN = 1500  # points: more hide each other, and make the page large
_MOST_PLACED = 5000  # points that UMAP is given: more change little, and take long


class _Plane(NamedTuple):
    """Where some of the embeddings lie, in random order; which they are; what the axes are."""

    at: Float[np.ndarray, "m 2"]
    rows: Int[np.ndarray, " m"]
    axes: tuple[str, str]


def principal_plane(
    vectors: Float[np.ndarray, "n f"],
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " 2"]]:
    """Return embeddings in their two principal components, and each one's share of the spread."""
    moved = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    variance, axes = np.linalg.eigh(moved.T @ moved)
    first = axes[:, ::-1][:, :2]
    # The sign of an axis is arbitrary: its longest part points to the right, or up.
    first = first * np.sign(first[np.abs(first).argmax(axis=0), range(first.shape[1])])
    at = np.zeros((len(moved), 2))
    at[:, : first.shape[1]] = moved @ first
    shares = np.zeros(2)
    shares[: first.shape[1]] = variance[::-1][:2] / (variance.sum() or 1.0)
    return at, shares


def cluster_picture(
    vectors: Float[np.ndarray, "n f"],
    labels: Int[np.ndarray, " n"],
    *,
    kept: Sequence[int] = (),
    projection: Projection = usual.PROJECTION,
    seed: int = 0,
) -> Figure:
    """Draw embeddings in a plane, in the colours of their clusters.

    Parameters
    ----------
    vectors
        One embedding a row.
    labels
        Their clusters; below 0 for none.
    kept
        Clusters that are taken for particles: their numbers are framed.
    projection
        ``pca``: their principal components; ``umap``: neighbours together.
    seed
        Of the draw, where there are more embeddings than a picture holds, and of UMAP.

    Raises
    ------
    UserError
        If the projection needs a library that is not installed.
    """
    order = np.random.default_rng(seed).permutation(len(vectors))
    plane = _neighbours(vectors, order, seed) if projection == "umap" else _spread(vectors, order)
    at, of = plane.at, labels[plane.rows]
    figure, (axes,) = new_figure(6.4, 4.6)
    for cluster in np.unique(labels).tolist():
        drawn = np.flatnonzero(of[:_MOST_DRAWN] == cluster)
        members = int((labels == cluster).sum())
        name = "none" if cluster < 0 else f"{cluster}"
        told = f"{name} ({members:,}{', particle' if cluster in kept else ''})"
        color = hex_color(cluster_color(cluster))
        axes.scatter(
            at[drawn, 0], at[drawn, 1], s=7, color=color, alpha=0.6, linewidths=0, label=told
        )
        if cluster >= 0 and cluster in of:
            middle = at[of == cluster].mean(axis=0)
            frame = color if cluster in kept else "none"
            axes.text(
                middle[0],
                middle[1],
                str(cluster),
                ha="center",
                va="center",
                fontsize=8.5,
                color=INK,
                bbox={"boxstyle": "circle", "facecolor": "white", "edgecolor": frame, "alpha": 0.8},
            )
    axes.set_xlabel(plane.axes[0])
    axes.set_ylabel(plane.axes[1])
    axes.legend(
        title="cluster (crops)",
        title_fontsize=8,
        fontsize=7.5,
        frameon=False,
        labelcolor=MUTED,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        markerscale=1.8,
    )
    return figure


def _spread(vectors: Float[np.ndarray, "n f"], order: Int[np.ndarray, " n"]) -> _Plane:
    """Place all embeddings in their principal plane."""
    at, shares = principal_plane(vectors)
    first, second = (
        f"{name} principal component ({share:.0%} of the spread)"
        for name, share in zip(("first", "second"), shares, strict=True)
    )
    return _Plane(at[order], order, (first, second))


def _neighbours(
    vectors: Float[np.ndarray, "n f"], order: Int[np.ndarray, " n"], seed: int
) -> _Plane:
    """Place as many embeddings by UMAP as take no long time."""
    rows = order[:_MOST_PLACED]
    return _Plane(umap_plane(vectors[rows], seed=seed), rows, ("UMAP 1", "UMAP 2"))
