"""What ``discover`` leaves: clusters, presence maps, picks and the page."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tomoscout.commands._console import console, progress
from tomoscout.commands._tables import conclude
from tomoscout.commands._versions import versions
from tomoscout.core.picks import Picks
from tomoscout.discovery.cluster import Clusters, ClusterSettings, find_clusters
from tomoscout.discovery.embed import sample_of
from tomoscout.discovery.particles import Ranking, rank_clusters
from tomoscout.discovery.picks import pick_places
from tomoscout.discovery.scores import Scorer, SoftScores, presence, soft_scores
from tomoscout.io._atomic import atomic_path, write_json, write_text
from tomoscout.io.embeddings import EmbeddedRun
from tomoscout.io.picks.copick import write_overlay
from tomoscout.io.project import Project, Run
from tomoscout.io.scores import create_scores
from tomoscout.reporting.clusters import typical_members
from tomoscout.reporting.discovery_page import DiscoveryData, render_discovery

if TYPE_CHECKING:  # it loads torch
    from tomoscout.inference.encoder_weights import EncoderWeights

_SAMPLE = 40_000  # crops that clusters are made of, over all runs

PAGE, FACTS = "discover.html", "clusters.json"


@dataclass(frozen=True, eq=False)
class Discovery:
    """What has been embedded."""

    project: Project
    runs: Sequence[Run]
    kind: str | None
    encoder: EncoderWeights
    found: Mapping[str, EmbeddedRun]
    failed: Sequence[str]
    command: str


def write_discovery(
    what: Discovery,
    output: Path,
    *,
    grouping: ClusterSettings,
    keep: Sequence[int] | None,
    radius: float,
    threshold: float,
) -> None:
    """Group the crops, choose clusters, and write presence maps, picks and the page."""
    picked = output / "picks"
    if (output / FACTS).exists():  # ours: picks of clusters that are no longer kept must go
        shutil.rmtree(picked, ignore_errors=True)
    embedded = list(what.found.values())
    sample, darkness = sample_of(embedded, _SAMPLE // len(embedded), seed=grouping.seed)
    clusters = find_clusters(sample, grouping)
    ranking = rank_clusters(sample, clusters.labels, darkness)
    kept = tuple(ranking.kept if keep is None else keep)
    together = soft_scores(sample, clusters, kept, together=True)
    each = soft_scores(sample, clusters, kept, together=False)
    facts: dict[str, Any] = {}
    with progress(len(embedded), "presence maps and picks") as bar:
        for run in embedded:
            _write_presence(run, together, output)
            facts[run.run] = _write_picks(run, each, picked, radius=radius, threshold=threshold)
            bar.advance()
    _write_facts(ranking, kept, output, grouping=grouping)
    page = _write_page(
        what, sample, clusters, ranking, kept, output, grouping=grouping, radius=radius
    )
    told = "as asked for" if keep is not None else "taken for particles by the rule"
    console.print(f"clusters, to look at: {page}", highlight=False)
    console.print(f"kept: cluster {', '.join(map(str, kept))}, {told}", highlight=False)
    console.print("next: the same command with --keep and the clusters you want", highlight=False)
    conclude(picked, facts, [run.name for run in what.runs], what.failed)


def _write_presence(run: EmbeddedRun, scores: SoftScores, output: Path) -> None:
    """Write the soft score map, and the 0 and 1 of each crop as an array of numpy."""
    write_map(run, scores, output / "presence" / f"{run.run}.scores.zarr")
    is_there = presence(run.rows, scores.clusters, scores.groups[scores.objects[0]])
    path = output / "presence" / f"{run.run}.presence.npy"
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.save(file, is_there.reshape(run.geometry.cells))


def write_map(run: EmbeddedRun, scorer: Scorer, path: Path) -> None:
    """Write the scores of a run's grid as a score map, as ``pick --scores`` takes it."""
    cells = run.geometry.cells
    partial = path.with_name(f".{path.name}.partial.zarr")
    store = create_scores(
        partial,
        objects=scorer.objects,
        geometry=run.geometry,
        run=run.run,
        extent=run.extent,
        overwrite=True,
    )
    soft = scorer.score(run.rows).reshape(len(scorer.objects), *cells)
    store.write(0, soft.astype(np.float16))
    store.move(path)


def _write_picks(
    run: EmbeddedRun, scores: SoftScores, output: Path, *, radius: float, threshold: float
) -> dict[str, Any]:
    """Write the picks of a run as copick JSON; return what the tables need."""
    radii = dict.fromkeys(scores.objects, radius)
    picks = pick_places(run, scores, radii=radii, threshold=threshold)
    frame = Picks.concatenate([Picks.empty(run.run, run.extent), picks])
    write_overlay([frame], output, user="tomoscout", session="0", names=list(scores.objects))
    counts = {name: len(picks.of(name)) for name in scores.objects}
    return {"extent": run.extent, "picks": counts}


def _write_facts(
    ranking: Ranking, kept: Sequence[int], output: Path, *, grouping: ClusterSettings
) -> None:
    """Write what the rule knows."""
    facts = {
        "clusters": ranking.facts(),
        "kept": list(kept),
        "settings": grouping.model_dump(mode="json"),
    }
    write_json(output / FACTS, facts, overwrite=True)


def _write_page(
    what: Discovery,
    sample: Any,
    clusters: Clusters,
    ranking: Ranking,
    kept: Sequence[int],
    output: Path,
    *,
    grouping: ClusterSettings,
    radius: float,
) -> Path:
    """Write the page, with typical crops of the first run."""
    first = next(iter(what.found.values()))
    volume = what.project[first.run].tomogram(what.kind)
    rows = first.rows
    labels = clusters.assign(rows)
    distance = clusters.distances(rows).min(axis=1)
    cells = np.argwhere(np.ones(first.geometry.cells, bool))
    members = typical_members(
        volume, first.geometry.to_angstrom(cells), labels, distance,
        edge=max(what.encoder.card.crop) * what.encoder.card.voxel_spacing, apart=2 * radius,
    )  # fmt: skip
    data = DiscoveryData(
        title="Discovery",
        vectors=sample,
        labels=clusters.labels,
        figures=ranking.facts(),
        kept=kept,
        members=members,
        run=first.run,
        command=what.command,
        settings=grouping.model_dump(mode="json") | {"encoder": what.encoder.card.encoder.name},
        versions={name: found for name, found in versions().items() if found},
        made=datetime.date.today().isoformat(),
    )
    write_text(output / PAGE, render_discovery(data), overwrite=True)
    return output / PAGE
