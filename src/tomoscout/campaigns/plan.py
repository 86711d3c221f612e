"""The work of a campaign as data: which score maps, and which rows of the tables come from them.

No run is ever tuned on by what scores it. A fold is scored on runs it was neither trained on nor
chosen by, with parameters from other runs, each looked at by a fold that has not learnt from it:
an ensemble of all folds too, since tuned on runs that its members know it would be too sure of
itself. Nothing is read here: the same facts give the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tomoscout.campaigns._jobs import MapJob, Row, RunRef, Scorer
from tomoscout.campaigns._parts import join_parts
from tomoscout.campaigns._scorers import scorers
from tomoscout.campaigns.experiments import Experiment
from tomoscout.campaigns.settings import CampaignSettings, Strategy, Tuning
from tomoscout.core.errors import UserError

__all__ = ["MapJob", "Plan", "Row", "RunRef", "Scorer", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """All that is to be done.

    Attributes
    ----------
    maps
        Score maps, those of one model together.
    rows
        Combinations to tune and score, in the order of the settings.
    remarks
        What is left out, and why, in plain words.
    """

    maps: tuple[MapJob, ...]
    rows: tuple[Row, ...]
    remarks: tuple[str, ...]


def make_plan(
    settings: CampaignSettings,
    experiments: Sequence[Experiment],
    *,
    validation: Sequence[RunRef],
    test: Sequence[RunRef],
) -> Plan:
    """Say what a campaign consists of.

    Parameters
    ----------
    settings
        The campaign.
    experiments
        What is trained.
    validation
        Runs to tune on.
    test
        Runs to score; the same objects as in ``validation`` where they are the same runs.

    Raises
    ------
    UserError
        If nothing can be scored honestly; the message says why.
    """
    rows: list[Row] = []
    remarks: list[str] = []
    runs = _Runs(tuple(validation), tuple(test), settings.namesakes, settings.seen == "mark")
    for experiment in experiments:
        if experiment.unfinished:
            folds = ", ".join(experiment.unfinished)
            remarks.append(f"{experiment.name}: without fold {folds}, which has no weights yet")
        for strategy in settings.strategies:
            found, why_not = scorers(experiment, strategy, blend=settings.blend)
            remarks += [f"{experiment.name}, {strategy}: {reason}" for reason in why_not]
            for tuning in settings.tuning:
                made = [
                    row
                    for scorer in found
                    for row in _rows(settings, experiment, scorer, tuning, runs)
                ]
                rows += made
                remarks += _left_out(experiment.name, strategy, tuning, found, made, runs)
    remarks = list(dict.fromkeys(remarks))
    if not rows:
        raise UserError("nothing to score: " + "; ".join(remarks))
    rows = join_parts(rows, experiments)
    return Plan(_maps(rows), tuple(rows), tuple(remarks))


@dataclass(frozen=True)
class _Runs:
    """The runs of a campaign, and when one of them counts as known."""

    validation: tuple[RunRef, ...]
    test: tuple[RunRef, ...]
    namesakes: bool
    mark: bool

    def is_same(self, one: RunRef, other: RunRef) -> bool:
        """Tell whether two runs are one."""
        return one.source == other.source or (one.name == other.name and not self.namesakes)

    def is_known(self, run: RunRef, names: Iterable[str]) -> bool:
        """Tell whether weights that have seen runs of these names have seen this one."""
        if run.name not in names:
            return False
        same = any(run.source == other.source for other in self.validation)
        return same or not self.namesakes


def _rows(
    settings: CampaignSettings,
    experiment: Experiment,
    scorer: Scorer,
    tuning: Tuning,
    runs: _Runs,
) -> list[Row]:
    """Return the rows of one model and one way to tune: every group of views and every picker."""
    knows = scorer.seen | (scorer.tuned_on if tuning == "default" else frozenset())
    seen = [run for run in runs.test if runs.is_known(run, knows)]
    tested = [run for run in runs.test if runs.mark or run not in seen]
    pairs = [] if tuning == "default" else _pairs(experiment, scorer, runs, tested)
    if not tested or (tuning != "default" and not pairs):
        return []
    return [
        Row(
            scorer=scorer,
            tta=tta,
            picker=picker,
            tuning=tuning,
            tuned=tuple(MapJob(by, tta, run, settings.window) for by, run in pairs),
            tested=tuple(MapJob(scorer, tta, run, settings.window) for run in tested),
            seen=tuple(run.name for run in seen if run in tested),
            search=settings.search,
            spread=settings.spread,
        )
        for tta in settings.tta
        for picker in settings.pickers
    ]


def _pairs(
    experiment: Experiment, scorer: Scorer, runs: _Runs, tested: Sequence[RunRef]
) -> list[tuple[Scorer, RunRef]]:
    """Return who looks at which run for the tuning: nobody at one they have learnt from.

    An ensemble of all folds looks itself at runs that none of them knows. What else there is to
    tune on is looked at by single folds.
    """
    free = [run for run in runs.validation if not any(runs.is_same(run, t) for t in tested)]
    single: Strategy = "best_single"
    alike = scorers(experiment, single if scorer.strategy == "kfold_ensemble" else scorer.strategy)
    pairs: list[tuple[Scorer, RunRef]] = []
    for run in free:
        if scorer.strategy == "kfold_ensemble" and run.name not in scorer.trained_on:
            pairs.append((scorer, run))
            continue
        pairs += [(one, run) for one in alike[0] if run.name not in one.trained_on]
    return pairs


def _maps(rows: Sequence[Row]) -> tuple[MapJob, ...]:
    """Return the score maps that rows need, each once, those of one model together.

    Maps that are made of others come last.
    """
    every = dict.fromkeys(job for row in rows for job in (*row.tuned, *row.tested))
    order = {scorer: i for i, scorer in enumerate(dict.fromkeys(job.scorer for job in every))}
    return tuple(sorted(every, key=lambda job: (bool(job.parts), order[job.scorer])))


def _left_out(
    name: str,
    strategy: Strategy,
    tuning: Tuning,
    found: Sequence[Scorer],
    made: Sequence[Row],
    runs: _Runs,
) -> list[str]:
    """Say which runs are scored by none of the models, and why."""
    if not found:
        return []
    which = f"{name}, {strategy}"
    scored = {job.run for row in made for job in row.tested}
    missing = [run.name for run in runs.test if run not in scored]
    marked = sorted({run for row in made for run in row.seen})
    remarks = []
    if marked:
        remarks.append(
            f"{which}: scored on {_some(marked)}, which a member has seen: no fair score"
        )
    if missing and all(_knows(one, run, runs, tuning) for one in found for run in runs.test):
        remarks.append(
            f"{which}, {tuning}: left out, every test run was seen in training or tuning "
            f"({_some(missing)}): give other runs under 'test' (weights note names only: set "
            "'namesakes: true' if these are other runs of the same names)"
        )
    elif missing and not made:
        remarks.append(
            f"{which}, {tuning}: left out, nothing to tune on besides what is scored: give other "
            "runs under 'test', or more under 'validation'"
        )
    elif missing:
        remarks.append(f"{which}, {tuning}: not scored on {_some(missing)}, which it knows")
    return remarks


def _knows(scorer: Scorer, run: RunRef, runs: _Runs, tuning: Tuning) -> bool:
    """Tell whether a run may not be scored with a model."""
    knows = scorer.seen | (scorer.tuned_on if tuning == "default" else frozenset())
    return runs.is_known(run, knows)


def _some(names: Sequence[str]) -> str:
    """List names, not too many."""
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
