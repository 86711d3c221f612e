"""A campaign from its settings to its tables; killed at any point, the same call goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from tomoscout import __version__
from tomoscout.campaigns._jobs import MapJob, Row
from tomoscout.campaigns.experiments import Experiment, read_experiment
from tomoscout.campaigns.maps import draw_map, load_scorer, read_map
from tomoscout.campaigns.plan import Plan, make_plan
from tomoscout.campaigns.settings import CampaignSettings, label
from tomoscout.campaigns.sources import Sources, open_sources
from tomoscout.campaigns.store import Store, results
from tomoscout.campaigns.tables import Scored, gather
from tomoscout.campaigns.tune import Look, Tuner
from tomoscout.core.errors import UserError
from tomoscout.core.parameters import Parameters
from tomoscout.core.picks import Picks
from tomoscout.inference.find_all import find_all
from tomoscout.io._atomic import CannotWriteError
from tomoscout.metrics import czii


@dataclass(frozen=True)
class Progress:
    """Where a campaign stands.

    Attributes
    ----------
    stage
        ``maps`` or ``rows``.
    done, total
        Pieces of this stage; a piece that is being done counts by its share.
    name
        Of the piece.
    """

    stage: str
    done: float
    total: int
    name: str


Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Campaign:
    """What is to be done, and what it is done with.

    Attributes
    ----------
    settings
        As they were given.
    experiments
        What is trained.
    sources
        Tomograms and truth.
    plan
        The work.
    """

    settings: CampaignSettings
    experiments: tuple[Experiment, ...]
    sources: Sources
    plan: Plan


def prepare(
    settings: CampaignSettings,
    *,
    tune_on: Sequence[str] | int | None = None,
    score_on: int | None = None,
) -> Campaign:
    """Read what is trained and what there is to score, and plan the work.

    Parameters
    ----------
    settings
        The campaign.
    tune_on
        Fewer runs to tune on: how many, or which.
    score_on
        How many runs to score at most.

    Raises
    ------
    UserError
        If something is missing, or nothing can be scored honestly.
    """
    experiments = tuple(read_experiment(*item) for item in settings.experiments.items())
    tables = [m.objects for one in experiments for m in one.members if m.objects is not None]
    sources = open_sources(settings, tables, tune_on=tune_on, score_on=score_on)
    plan = make_plan(
        settings, experiments, validation=sources.refs("validation"), test=sources.refs("test")
    )
    return Campaign(settings, experiments, sources, plan)


def run_campaign(
    campaign: Campaign,
    output: Path,
    *,
    force: bool = False,
    device: str = "auto",
    tell: Tell | None = None,
) -> list[Scored]:
    """Do what is not done yet, and return all rows with their scores.

    Parameters
    ----------
    campaign
        From `prepare`.
    output
        Folder for score maps and scores; one that a stopped campaign left is gone on with.
    force
        Do anew what is done.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    tell
        Called with where the campaign stands.

    Raises
    ------
    UserError
        If the folder holds something else, or some tomograms were unusable: only when all others
        are done.
    """
    store, plan = Store(output), campaign.plan
    store.begin({"tomoscout": __version__, "settings": campaign.settings.model_dump(mode="json")})
    if force:
        store.forget(plan)
    tell = tell or (lambda progress: None)
    _draw_all(campaign, store, device, tell)
    _score_all(campaign, store, tell)
    parameters = {row.key: _known(store, row) for row in plan.rows}
    return gather(
        plan.rows, results(store, plan.rows), parameters, objects=campaign.sources.objects
    )


def _draw_all(campaign: Campaign, store: Store, device: str, tell: Tell) -> None:
    """Draw the score maps that are missing; those that fail stop no others."""
    jobs, failed = campaign.plan.maps, []
    load = lru_cache(1)(load_scorer)
    for done, job in enumerate(jobs):
        name = f"{job.scorer.experiment} {job.scorer.title}, {job.run.name}"
        tell(Progress("maps", done, len(jobs), name))
        if store.has_map(job):
            continue

        def share(part: float, done: int = done, name: str = name) -> None:
            tell(Progress("maps", done + part, len(jobs), name))

        model = load(job.scorer)
        try:
            draw_map(
                job, model, store=store, sources=campaign.sources, device=device, progress=share
            )
        except CannotWriteError:
            raise
        except UserError as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise UserError(
            f"{len(failed)} of {len(jobs)} score maps failed, the others are kept; the first: "
            f"{failed[0]}"
        )
    tell(Progress("maps", len(jobs), len(jobs), ""))


def _score_all(campaign: Campaign, store: Store, tell: Tell) -> None:
    """Tune and score the rows that are not finished; those of one model together."""
    rows, sources = campaign.plan.rows, campaign.sources
    order = {scorer: i for i, scorer in enumerate(dict.fromkeys(row.scorer for row in rows))}
    load = lru_cache(1)(load_scorer)

    def look(job: MapJob) -> Look:
        name = f"{job.scorer.title}: {job.run.name}"
        return Look(name, read_map(job, store), sources.truth(job.run))

    tuner = Tuner(look, sources.objects, store.studies)
    # Rows that differ in nothing but how they are tuned, and use what was picked once.
    alike = sorted(rows, key=lambda row: (order[row.scorer], row.tta, label(row.picker)))
    for done, row in enumerate(alike):
        tell(Progress("rows", done, len(rows), row.title))
        parameters, todo = store.parameters(row), store.todo(row)
        if parameters is None:
            parameters = tuner.tune(row, load(row.scorer))
            store.keep_parameters(row, parameters)
        for job in todo:
            picks = find_all(
                read_map(job, store),
                load(row.scorer),
                thresholds=parameters.thresholds,
                pickers=parameters.pickers,
            )
            picks = _scored(replace(picks, run=job.run.name), sources)
            result = czii.score(picks, sources.truth(job.run), objects=sources.objects)
            store.keep_counts(row, job, result.runs[job.run.name])
    tell(Progress("rows", len(rows), len(rows), ""))


def _scored(picks: Picks, sources: Sources) -> Picks:
    """Return the picks of objects that are scored."""
    names = sources.objects.names
    return Picks.concatenate([Picks.empty(picks.run), *(picks.of(name) for name in names)])


def _known(store: Store, row: Row) -> Parameters:
    """Return what a row was tuned to."""
    parameters = store.parameters(row)
    assert parameters is not None  # every row has been done
    return parameters
