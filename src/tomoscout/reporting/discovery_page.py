"""The page of a discovery: which clusters there are, what they look like, which are particles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from tomoscout.core import usual
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.reporting.cluster_plane import Projection, cluster_picture
from tomoscout.reporting.clusters import Members, cluster_color
from tomoscout.reporting.figures import to_svg
from tomoscout.reporting.frame import frame
from tomoscout.reporting.markup import number, picture, plural, section, swatch, table
from tomoscout.reporting.provenance import provenance
from tomoscout.reporting.slices import View

_COLUMNS = (
    ("Cluster", "Its number; the largest is 0"),
    ("Crops", "How many"),
    ("Share", "Of all crops"),
    ("Darkness", "Of the crops' middles against their surroundings, in standard deviations"),
    ("Darker than", "Chance that a crop is darker than one of another cluster"),
    ("Compactness", "1 if all crops are the same, 0 if they differ as much as all crops do"),
    ("Taken for", "What the rule takes it for"),
)

_TOLD = {
    "pca": "The plane keeps as much of their differences as a plane can, so clusters that overlap "
    "here may lie apart in depth.",
    "umap": "UMAP keeps neighbours together; how far groups lie apart, and how large they are, "
    "says little.",
}


@dataclass(frozen=True)
class DiscoveryData:
    """What goes on the page.

    Attributes
    ----------
    title
        Heading.
    vectors, labels
        Embeddings, a row each, and their clusters.
    figures
        A line per cluster, likeliest particles first: ``cluster``, ``size``, ``share``,
        ``darkness``, ``darker_than``, ``compactness``, ``verdict``.
    kept
        Clusters that are taken for particles.
    members
        Typical crops of each cluster.
    run
        The run that these crops are from.
    projection
        How embeddings are brought into a plane: see ``cluster_plane``.
    settings
        What it was made with.
    versions
        Of Tomoscout and of what it rests on.
    command
        What makes it again.
    made
        Date.
    """

    title: str
    vectors: Float[np.ndarray, "n f"]
    labels: Int[np.ndarray, " n"]
    figures: Sequence[Mapping[str, Any]]
    kept: Sequence[int]
    members: Sequence[Members] = ()
    run: str = ""
    projection: Projection = usual.PROJECTION
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    made: str = ""


def render_discovery(data: DiscoveryData) -> str:
    """Return the page as HTML: one file that loads nothing from elsewhere."""
    objects = _table(data)
    made = provenance(command=data.command, settings=data.settings, versions=data.versions)
    parts = (_figures(data, objects), _plane(data), _montage(data, objects), made)
    facts = f"{plural(len(data.labels), 'crop')} · {plural(len(data.figures), 'cluster')}"
    return frame(data.title, facts, parts, objects=objects, made=data.made)


def _figures(data: DiscoveryData, objects: ObjectTable) -> str:
    """Return the table of clusters."""
    rows = [
        (
            swatch(objects, str(line["cluster"])),
            f"{line['size']:,}",
            f"{line['share']:.1%}",
            *(number(line[key]) for key in ("darkness", "darker_than", "compactness")),
            f"<strong>{escape(line['verdict'])}</strong>"
            if line["cluster"] in data.kept
            else escape(line["verdict"]),
        )
        for line in data.figures
    ]
    kept = ", ".join(str(cluster) for cluster in data.kept)
    lead = (
        "Crops that look alike, grouped without labels. Those whose middles are dark, that are not "
        "too many and resemble each other are taken for particles"
        + (f": {kept}. " if kept else ". ")
        + "Look at the crops below before you believe it; others are chosen with --keep."
    )
    shown = table(_COLUMNS, rows, caption="Hover over a heading for its meaning.")
    return section("clusters", "Clusters", shown, lead=lead)


def _plane(data: DiscoveryData) -> str:
    """Return the picture of the embeddings."""
    if not len(data.labels):
        return ""
    drawn = cluster_picture(data.vectors, data.labels, kept=data.kept, projection=data.projection)
    lead = f"Each point is a crop; near ones look alike to the encoder. {_TOLD[data.projection]}"
    body = f'<div class="solo">{to_svg(drawn, label="Embeddings of crops by cluster")}</div>'
    return section("embeddings", "Embeddings", body, lead=lead)


def _montage(data: DiscoveryData, objects: ObjectTable) -> str:
    """Return typical crops of each cluster, in the order of the table."""
    order = {line["cluster"]: place for place, line in enumerate(data.figures)}
    rows = []
    for one in sorted(data.members, key=lambda m: order.get(m.cluster, len(order))):
        tiles = "".join(
            f"<figure>{_tile(view, one.cluster, place, objects)}</figure>"
            for place, view in enumerate(one.views, start=1)
        )
        told = "particle" if one.cluster in data.kept else ""
        rows.append(
            f'<div class="strip"><p>{swatch(objects, str(one.cluster))} '
            f'<span class="note">{told} ({plural(one.total, "crop")})</span></p>'
            f"<div>{tiles}</div></div>"
        )
    run = f'<p class="note">Run {escape(data.run)}.</p>' if data.run and rows else ""
    lead = "Slices through the crops nearest to each cluster's centre. All share a grey scale."
    body = f'<div class="strips">{"".join(rows)}</div>' if rows else ""
    return section("members", "Typical crops", run, body, lead=lead)


def _tile(view: View, cluster: int, place: int, objects: ObjectTable) -> str:
    """Return a crop as an image."""
    label = f"Cluster {cluster}, crop {place}"
    return picture(view, objects=objects, label=label, scale_bar=False)


def _table(data: DiscoveryData) -> ObjectTable:
    """Return the clusters as objects, for their colours."""
    numbers = {int(line["cluster"]) for line in data.figures} | {m.cluster for m in data.members}
    return ObjectTable(
        objects=tuple(
            ObjectType(name=str(n), radius=1, color=cluster_color(n)) for n in sorted(numbers)
        )
        or (ObjectType(name="none", radius=1),)
    )
