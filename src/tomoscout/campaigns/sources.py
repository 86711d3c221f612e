"""Where a campaign's tomograms and their truth come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tomoscout.campaigns._jobs import MapJob, RunRef, Side
from tomoscout.campaigns.settings import CampaignSettings, RunsSettings
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.project import Project, Run, open_project


@dataclass(frozen=True)
class Sources:
    """The projects of a campaign.

    Attributes
    ----------
    projects
        By side, those there are; only the chosen runs are in them.
    kinds
        Kind of tomogram asked for, by side.
    objects
        What is scored; one table for all.
    """

    projects: Mapping[Side, Project]
    kinds: Mapping[Side, str | None]
    objects: ObjectTable

    def refs(self, side: Side) -> tuple[RunRef, ...]:
        """Return the runs of one side, for the plan; reads their truth."""
        project = self.projects.get(side)
        return () if project is None else tuple(self._ref(side, run) for run in project.runs)

    def volume(self, job: MapJob) -> Volume:
        """Open the tomogram that a score map is of."""
        side = job.run.side
        project = self.projects[side]
        return project[job.run.name].tomogram(self._kind(side, job.scorer.kind))

    def truth(self, run: RunRef) -> Picks:
        """Return the annotations of a run; those of objects that the table lacks are dropped."""
        return _truth(self.projects[run.side][run.name], self.objects)

    def _kind(self, side: Side, trained_on: str | None) -> str | None:
        """Return the kind asked for, else what the weights were trained on.

        A tomogram that does not say what kind it is (a file of a folder) is taken as it is.
        """
        runs = self.projects[side].runs
        if self.kinds[side] is not None or all(set(r.tomograms) <= {"tomogram"} for r in runs):
            return self.kinds[side]
        return trained_on

    def _ref(self, side: Side, run: Run) -> RunRef:
        """Describe a run."""
        files = [str(s.resolve()) for s in run.tomograms.values() if isinstance(s, Path)]
        project = str(self.projects[side].path.resolve())
        where = sorted(files) or [project, run.name]
        kind, spacing = self.kinds[side] or "", run.voxel_spacing or ""
        picks = _truth(run, self.objects)
        hashed = hashlib.sha256(np.ascontiguousarray(picks.zyx).tobytes())
        table = self.objects.model_dump(mode="json")
        hashed.update(json.dumps([np.asarray(picks.objects).tolist(), table]).encode())
        return RunRef(
            side,
            run.name,
            source="|".join(where),
            project=project,
            seen_as=f"{kind}@{spacing}",
            truth=hashed.hexdigest()[:16],
        )


def open_sources(
    settings: CampaignSettings,
    tables: Sequence[ObjectTable],
    *,
    tune_on: Sequence[str] | int | None = None,
    score_on: int | None = None,
) -> Sources:
    """Open the projects of a campaign.

    Parameters
    ----------
    settings
        The campaign.
    tables
        Objects of its weights: what is scored where the project brings no table.
    tune_on
        Fewer runs to tune on: how many, or which.
    score_on
        How many runs to score at most.

    Raises
    ------
    UserError
        If a project or a run is missing, no run has picks, or weights find objects that the
        project does not list.
    """
    if settings.test is not None and settings.namesakes and settings.validation is not None:
        one, other = Path(settings.test.project), Path(settings.validation.project)
        if one.resolve() == other.resolve():
            raise UserError(f"namesakes: true, but both projects are {one}: its runs are the same")
    test = _open(settings.tested, "test")
    projects: dict[Side, Project] = {"test": test}
    if settings.validation is not None:
        projects["validation"] = _limit(_open(settings.validation, "validation"), tune_on)
    projects["test"] = _limit(test, score_on)
    objects = _table(settings.tested, test, tables)
    kinds: dict[Side, str | None] = {"test": settings.tested.kind}
    if settings.validation is not None:
        kinds["validation"] = settings.validation.kind
    return Sources(projects, kinds, objects)


def _open(settings: RunsSettings, what: str) -> Project:
    """Open a project with the runs chosen; all those that have picks by default."""
    project = open_project(
        settings.project, voxel_spacing=settings.voxel_spacing, objects=settings.objects
    )
    if settings.runs:
        project = project.select(settings.runs)
        bare = [run.name for run in project.runs if not run.has_picks]
        if bare:
            raise UserError(f"{what}.runs: {', '.join(bare)} has no picks to compare with")
        return project
    annotated = [run.name for run in project.runs if run.has_picks]
    if not annotated:
        raise UserError(f"{settings.project}: no run has picks to compare with")
    return project.select(sorted(annotated))


def _limit(project: Project, limit: Sequence[str] | int | None) -> Project:
    """Return the project with fewer runs."""
    if limit is None:
        return project
    return project.select(project.names[:limit] if isinstance(limit, int) else limit)


def _table(settings: RunsSettings, project: Project, tables: Sequence[ObjectTable]) -> ObjectTable:
    """Return the objects that are scored, refusing weights that find others."""
    if project.layout != "copick" and settings.objects is None:
        known = {entry.name: entry for table in reversed(tables) for entry in table.each()}
        names = dict.fromkeys(entry.name for table in tables for entry in table.each())
        return ObjectTable(objects=tuple(known[name] for name in names))
    for name in _names(tables):
        if name not in project.objects.names:
            raise UserError(
                f"the weights find '{name}', which {project.path} does not list: add it there, or "
                f"leave these weights out.{did_you_mean(name, project.objects.names)}"
            )
    return project.objects


def _names(tables: Iterable[ObjectTable]) -> list[str]:
    """Return the objects of several tables, each once."""
    return list(dict.fromkeys(name for table in tables for name in table.names))


def _truth(run: Run, objects: ObjectTable) -> Picks:
    """Return a run's annotations of the objects that are scored."""
    picks = replace(run.picks(), run=run.name)
    known = np.isin(np.asarray(picks.objects), objects.names)
    return picks[known] if len(picks) else picks
