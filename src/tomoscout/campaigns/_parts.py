"""Ensembles whose members' score maps are drawn anyway: theirs are made of them, for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tomoscout.campaigns._jobs import MapJob, Row, Scorer
from tomoscout.campaigns._scorers import scorers
from tomoscout.campaigns.experiments import Experiment


def join_parts(rows: Sequence[Row], experiments: Sequence[Experiment]) -> list[Row]:
    """Return the rows, with score maps of ensembles made of others where all of those are planned.

    It depends on the plan and not on what is on disk, so a campaign ends the same however it was
    stopped. Ranks are not joined: they are matched while networks run.
    """
    members = {one.name: scorers(one, "best_single")[0] for one in experiments}
    planned = {job for row in rows for job in (*row.tuned, *row.tested)}

    def joined(jobs: Sequence[MapJob]) -> tuple[MapJob, ...]:
        return tuple(_joined(job, members, planned) for job in jobs)

    return [replace(row, tuned=joined(row.tuned), tested=joined(row.tested)) for row in rows]


def _joined(job: MapJob, members: Mapping[str, Sequence[Scorer]], planned: set[MapJob]) -> MapJob:
    """Return a score map, made of others where it can be."""
    scorer = job.scorer
    if scorer.strategy != "kfold_ensemble" or scorer.blend == "ranks":
        return job
    parts = tuple(replace(job, scorer=member) for member in members[scorer.experiment])
    return replace(job, parts=parts) if planned.issuperset(parts) else job
