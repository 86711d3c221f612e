"""What clusters of crops look like: slices through their most typical members.

These are the crops nearest to each cluster's centre, on one grey scale, so that clusters compare.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from tomoscout.core.volume import Volume
from tomoscout.reporting.figures import hex_color, new_figure
from tomoscout.reporting.gallery import crop
from tomoscout.reporting.slices import View, contrast, to_grey

NOISE_COLOR = (160, 167, 175)
"""Of crops that belong to no cluster."""

# Okabe and Ito, 2008: eight colours that tell apart with any eyes; black is for text.
_PALETTE = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (214, 198, 32),
)
_EDGES = 1.8  # gallery crops reach so many radii to each side


@dataclass(frozen=True)
class Members:
    """The most typical crops of a cluster.

    Attributes
    ----------
    cluster
        Its number.
    views
        Slices through the crops, the nearest to the centre first.
    total
        Crops in the cluster.
    """

    cluster: int
    views: tuple[View, ...]
    total: int


def cluster_color(cluster: int) -> tuple[int, int, int]:
    """Return the colour of a cluster, the same in every picture; grey below 0, for none."""
    if cluster < 0:
        return NOISE_COLOR
    if cluster < len(_PALETTE):
        return _PALETTE[cluster]
    # Steps of the golden angle never come back to a hue.
    red, green, blue = colorsys.hls_to_rgb(0.618034 * cluster % 1, 0.45, 0.65)
    return round(255 * red), round(255 * green), round(255 * blue)


def typical_members(
    volume: Volume,
    zyx: Float[np.ndarray, "n 3"],
    labels: Int[np.ndarray, " n"],
    distance: Float[np.ndarray, " n"],
    *,
    edge: float,
    count: int = 10,
    apart: float = 0.0,
) -> list[Members]:
    """Cut the crops nearest to the centre of each cluster, one after the other.

    Those that hang over the tomogram's edge show less, and come last.

    Parameters
    ----------
    volume
        The tomogram; only the crops are read.
    zyx
        Centres of its crops, in ångström.
    labels
        Their clusters; those below 0 are left out.
    distance
        How far each embedding lies from its cluster's centre.
    edge
        Of the crops in the picture, in ångström.
    count
        Crops per cluster, at most.
    apart
        Least distance of two crops of a cluster, in ångström: neighbours show the same thing.
    """
    half, extent = edge / 2, np.array(volume.geometry.extent[1:])
    hangs_over = np.any((zyx[:, 1:] < half) | (zyx[:, 1:] > extent - half), axis=1)
    chosen: dict[int, list[int]] = {}
    for cluster in np.unique(labels[labels >= 0]).tolist():
        mine = np.flatnonzero(labels == cluster)
        order = mine[np.lexsort((distance[mine], hangs_over[mine]))]
        chosen[cluster] = _spread_out(order, zyx, apart, count)
    radius = edge / (2 * _EDGES)
    crops = {c: [crop(volume, zyx[i], radius=radius) for i in at] for c, at in chosen.items()}
    every = [one.ravel() for cut in crops.values() for one in cut]
    if not every:
        return []
    window = contrast(np.concatenate(every))
    found = []
    for cluster, at in chosen.items():
        views = tuple(
            View(
                to_grey(image, window),
                (),
                "z",
                round(float(zyx[i, 0]) / volume.voxel_spacing),
                volume.voxel_spacing,
            )
            for i, image in zip(at, crops[cluster], strict=True)
        )
        found.append(Members(cluster, views, int((labels == cluster).sum())))
    return found


def montage(shown: Sequence[Members], *, kept: Sequence[int] = (), width: float = 6.4) -> Figure:
    """Draw the typical members of clusters as a figure of its own, a row per cluster.

    Parameters
    ----------
    shown
        From `typical_members`.
    kept
        Clusters that are taken for particles.
    width
        In inches.
    """
    columns = max((len(one.views) for one in shown), default=1)
    tile = width / (columns + 1.4)
    figure, axes = new_figure(
        width, tile * max(len(shown), 1), rows=max(len(shown), 1), columns=columns
    )
    for place, one in enumerate(axes):
        one.set_axis_off()
        row, column = divmod(place, columns)
        if row < len(shown) and column < len(shown[row].views):
            one.imshow(shown[row].views[column].image, cmap="gray", vmin=0, vmax=255)
    for row, members in enumerate(shown):
        told = f"{members.cluster}{' particle' if members.cluster in kept else ''}"
        axes[row * columns].text(
            -0.15,
            0.5,
            f"{told}\n{members.total:,}",
            transform=axes[row * columns].transAxes,
            ha="right",
            va="center",
            fontsize=7.5,
            color=hex_color(cluster_color(members.cluster)),
        )
    return figure


def _spread_out(
    order: Int[np.ndarray, " m"], zyx: Float[np.ndarray, "n 3"], apart: float, count: int
) -> list[int]:
    """Take the first of an order that lie apart."""
    taken: list[int] = []
    for i in order.tolist():
        if len(taken) == count:
            break
        if not taken or np.linalg.norm(zyx[taken] - zyx[i], axis=1).min() >= apart:
            taken.append(i)
    return taken
