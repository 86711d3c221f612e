"""What ``discover`` leaves: clusters, presence maps, picks and the page."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tomoscout.commands._console import console, progress
from tomoscout.commands._survey import Surveyed
from tomoscout.commands._tables import conclude
from tomoscout.commands._versions import versions
from tomoscout.core import usual
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.discovery.cluster import Clusters, ClusterSettings, find_clusters
from tomoscout.discovery.embed import sample_of
from tomoscout.discovery.particles import Ranking, rank_clusters
from tomoscout.discovery.picks import pick_places
from tomoscout.discovery.scores import (
    Scorer,
    SoftScores,
    name_of,
    presence,
    soft_scores,
    stream_map,
)
from tomoscout.discovery.settings import LookSettings
from tomoscout.inference.embedding import EmbeddedLayer
from tomoscout.io._atomic import atomic_path, write_json, write_text
from tomoscout.io.embeddings import EmbeddedRun
from tomoscout.io.picks.copick import plain, write_overlay
from tomoscout.io.project import Project, Run
from tomoscout.io.scores import create_scores
from tomoscout.reporting.cluster_plane import Projection
from tomoscout.reporting.clusters import typical_members
from tomoscout.reporting.discovery_page import DiscoveryData, render_discovery

if TYPE_CHECKING:  # it loads torch
    from tomoscout.inference.encoder_weights import EncoderWeights

_SAMPLE = 40_000  # crops that clusters are made of, over all runs
_SHOWN = 50_000  # crops that typical ones are chosen from

PAGE, FACTS = "discover.html", "discover.json"


@dataclass(frozen=True, eq=False)
class Discovery:
    """What has been embedded."""

    project: Project
    runs: Sequence[Run]
    kind: str | None
    encoder: EncoderWeights
    found: Surveyed
    command: str


def write_discovery(
    what: Discovery,
    output: Path,
    *,
    grouping: ClusterSettings,
    keep: Sequence[int] | None,
    look: LookSettings,
    projection: Projection = usual.PROJECTION,
) -> None:
    """Group the crops, choose clusters, and write presence maps, picks and the page."""
    note = {
        "clusters": grouping.model_dump(mode="json"),
        "encoder": what.encoder.fingerprint,
        "embedded": what.found.names,
        "stride": look.stride,
        "radius": look.radius,
    }
    before = read_facts(output / FACTS)
    if keep is not None and before and before.get("settings") != note:
        raise UserError(
            f"--keep {','.join(map(str, keep))}: the clusters on {output / PAGE} were made with "
            "other settings or runs, and have other numbers: leave --keep out once, and look again"
        )
    sample, darkness = sample_of(what.found, _SAMPLE // len(what.found), seed=grouping.seed)
    clusters = find_clusters(sample, grouping)
    ranking = rank_clusters(sample, clusters.labels, darkness)
    kept = tuple(ranking.kept if keep is None else keep)
    together = soft_scores(sample, clusters, kept, together=True)
    each = soft_scores(sample, clusters, kept, together=False)
    picked, runs = output / "picks", dict[str, Any]()
    forget(picked, [name_of(number) for number in before.get("kept", [])])
    with progress(len(what.found), "presence maps and picks") as bar:
        for run in what.found:
            _write_presence(run, together, output)
            radii = dict.fromkeys(each.objects, look.radius)
            picks = pick_places(run, each, radii=radii, threshold=look.threshold)
            runs[run.run] = write_found(run, picks, picked, names=each.objects)
            bar.advance()
    facts = {"clusters": ranking.facts(), "kept": list(kept), "settings": note, "runs": runs}
    write_json(output / FACTS, facts, overwrite=True)
    write_json(picked / FACTS, {"runs": runs}, overwrite=True)
    page = _write_page(
        what, sample, clusters, ranking, kept, output, grouping=grouping, radius=look.radius,
        projection=projection,
    )  # fmt: skip
    told = "as asked for" if keep is not None else "taken for particles by the rule"
    console.print(f"clusters, to look at: {page}", highlight=False)
    console.print(f"kept: cluster {', '.join(map(str, kept))}, {told}", highlight=False)
    console.print("next: the same command with --keep and the clusters you want", highlight=False)
    conclude(picked, runs, [run.name for run in what.runs], what.found.failed)


def read_facts(path: Path) -> dict[str, Any]:
    """Return what an earlier job in this folder noted; nothing where there was none."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{path}: cannot be read ({error}): choose another folder") from error
    return facts


def forget(picked: Path, names: Sequence[str]) -> None:
    """Remove picks that an earlier job of ours wrote, of objects of these names."""
    for name in names:
        for path in picked.glob(f"ExperimentRuns/*/Picks/tomoscout_0_{plain(name)}.json"):
            path.unlink()


def write_found(
    run: EmbeddedRun, picks: Picks, picked: Path, *, names: Sequence[str]
) -> dict[str, Any]:
    """Write the picks of a run as copick JSON; return what the tables need."""
    write_overlay([picks], picked, names=names)
    return {"extent": run.extent, "picks": {name: len(picks.of(name)) for name in names}}


def _write_presence(run: EmbeddedRun, scores: SoftScores, output: Path) -> None:
    """Write the soft score map, and the 0 and 1 of each crop as an array of numpy."""
    write_map(run, scores, output / "presence" / f"{run.run}.scores.zarr")
    members = scores.groups[scores.objects[0]]
    is_there = np.stack(
        [
            presence(layer.reshape(-1, layer.shape[-1]), scores.clusters, members)
            for layer in run.vectors
        ]
    )
    path = output / "presence" / f"{run.run}.presence.npy"
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.save(file, is_there.reshape(run.geometry.cells))


def write_map(run: EmbeddedRun, scorer: Scorer, path: Path) -> None:
    """Write the scores of a run's grid as a score map, as ``pick --scores`` takes it."""
    store = create_scores(
        path.with_name(f".{path.name}.partial.zarr"),
        objects=scorer.objects,
        geometry=run.geometry,
        run=run.run,
        extent=run.extent,
        overwrite=True,
    )
    layers = (EmbeddedLayer(z, plane.astype(np.float32)) for z, plane in enumerate(run.vectors))
    for slab in stream_map(layers, scorer):
        store.write(slab.start, slab.scores)
    store.move(path)


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
    projection: Projection,
) -> Path:
    """Write the page, with typical crops of the first run."""
    first = next(iter(what.found))
    volume = what.project[first.run].tomogram(what.kind)
    rng = np.random.default_rng(grouping.seed)
    some = np.sort(rng.permutation(first.darkness.size)[:_SHOWN])
    rows = first.rows(some)
    labels = clusters.assign(rows)
    distance = clusters.distances(rows).min(axis=1)
    cells = np.stack(np.unravel_index(some, first.geometry.cells), axis=1)
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
        projection=projection,
        command=what.command,
        settings=grouping.model_dump(mode="json") | {"encoder": what.encoder.card.encoder.name},
        versions={name: found for name, found in versions().items() if found},
        made=datetime.date.today().isoformat(),
    )
    write_text(output / PAGE, render_discovery(data), overwrite=True)
    return output / PAGE
