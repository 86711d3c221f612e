"""The tables of a campaign, from the counts of its rows: per tomogram, per fold, compared.

Two readings of a fold's score stand side by side. ``f4`` is the challenge's: counts of all its runs
together. ``per_run_mean`` is the mean of the runs' own scores, as ETFinder reports it. Over folds,
``mean``, ``std`` and ``best`` are of folds, and ``pooled`` has the counts of all of them together;
``low`` to ``high`` is where it may lie by the luck of which runs there were (95 %, by bootstrap).
Times stand in a table of their own: they are the one thing that no two campaigns agree on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from tomoscout.campaigns._jobs import Row
from tomoscout.campaigns.lines import Line
from tomoscout.core.objects import ObjectTable
from tomoscout.core.parameters import Parameters
from tomoscout.metrics import BETA, Counts, Result
from tomoscout.tuning.bootstrap import bootstrap

TOTAL = "weighted"
"""What stands for all objects together."""

Group = tuple[str, str, str, str, str]

_GROUP = ("experiment", "strategy", "tta", "picker", "tuning")


@dataclass(frozen=True)
class Scored:
    """A row and what came of it.

    Attributes
    ----------
    row
        What was tuned and scored.
    parameters
        What it was tuned to.
    result
        Its counts per run and object.
    """

    row: Row
    parameters: Parameters
    result: Result

    @property
    def names(self) -> Line:
        """The columns that say which row it is."""
        return {**dict(zip(_GROUP, self.row.group, strict=True)), "fold": self.row.scorer.fold}


def gather(
    rows: Sequence[Row],
    counts: Mapping[str, Mapping[str, Mapping[str, Counts]]],
    parameters: Mapping[str, Parameters],
    *,
    objects: ObjectTable,
) -> list[Scored]:
    """Put rows together with their counts and parameters, both by the row's key."""
    return [
        Scored(row, parameters[row.key], Result(counts[row.key], objects, BETA)) for row in rows
    ]


def per_tomogram(scored: Iterable[Scored]) -> list[Line]:
    """Return a line per row, run and object, and one per run for all objects."""
    lines = []
    for one in scored:
        for run, counts in one.result.runs.items():
            alone = Result({run: counts}, one.result.objects, BETA)
            head = {**one.names, "run": run, "seen": run in one.row.seen}
            lines += [{**head, **line} for line in _by_object(alone)]
    return lines


def per_fold(scored: Iterable[Scored]) -> list[Line]:
    """Return a line per row: its score, and the parameters that gave it."""
    return [
        {
            **one.names,
            "f4": total(one.result),
            "per_run_mean": _per_run_mean(one.result),
            "num_tomos": len(one.result.runs),
            "seen": " ".join(one.row.seen),
            "tuned_on": " ".join(one.parameters.tuned_on),
            "params_json": json.dumps(_used(one.parameters), sort_keys=True),
        }
        for one in scored
    ]


def per_fold_and_particle(scored: Iterable[Scored]) -> list[Line]:
    """Return a line per row and object."""
    lines = []
    for one in scored:
        for line in _by_object(one.result):
            threshold = one.parameters.thresholds.get(line["object"])
            lines.append({**one.names, **line, "threshold": threshold})
    return lines


def comparison(scored: Iterable[Scored]) -> list[Line]:
    """Return a line per experiment and way to use it, over its folds; the best mean first."""
    lines = []
    for group, folds in _groups(scored).items():
        scores = [total(one.result) for one in folds]
        best = int(np.argmax(scores))
        pooled = reduce(add, (one.result for one in folds))
        low, high = bootstrap(pooled).intervals.get(TOTAL, (None, None))
        lines.append(
            {
                **dict(zip(_GROUP, group, strict=True)),
                **_spread(scores),
                "best_fold": folds[best].row.scorer.fold,
                "folds": len(folds),
                "num_tomos": sum(len(one.result.runs) for one in folds),
                "pooled_f4": total(pooled),
                "low_f4": low,
                "high_f4": high,
                "per_run_mean": float(np.mean([_per_run_mean(one.result) for one in folds])),
                "seen": " ".join(dict.fromkeys(run for one in folds for run in one.row.seen)),
            }
        )
    return sorted(lines, key=lambda line: -line["mean_f4"])


def comparison_by_particle(scored: Iterable[Scored]) -> list[Line]:
    """Return a line per object, experiment and way to use it; by object, the best mean first.

    Folds whose truth lacks the object have no say in its mean.
    """
    scored = list(scored)
    if not scored:
        return []
    lines = []
    for name in scored[0].result.objects.names:
        of_object = []
        for group, folds in _groups(scored).items():
            present = [one for one in folds if name not in one.result.absent]
            pooled = reduce(add, (one.result for one in folds)).counts[name]
            spread = _spread([one.result.f_beta[name] for one in present])
            head = {"object": name, **dict(zip(_GROUP, group, strict=True))}
            of_object.append({**head, **spread, "folds": len(present), **_ratios(pooled)})
        lines += sorted(of_object, key=lambda line: -(line["mean_f4"] or 0.0))
    return lines


def times(seconds: Mapping[Group, Sequence[float]], order: Iterable[Group]) -> list[Line]:
    """Return a line per experiment, strategy and group of views: seconds per tomogram.

    Parameters
    ----------
    seconds
        How long the score maps of the test runs took, by ``(experiment, strategy, tta, "", "")``.
    order
        Order of the lines.
    """
    return [
        {
            **dict(zip(_GROUP[:3], group[:3], strict=True)),
            "maps": len(seconds[group]),
            "time_per_tomo": float(np.mean(seconds[group])),
            "shortest": min(seconds[group]),
            "longest": max(seconds[group]),
        }
        for group in dict.fromkeys(order)
        if seconds.get(group)
    ]


def total(result: Result) -> float:
    """Return the score over all objects; a table that scores none counts them alike."""
    if any(entry.weight for entry in result.objects.each()):
        return result.weighted
    return float(np.mean(list(result.f_beta.values())))


def _per_run_mean(result: Result) -> float:
    """Return the mean of the runs' own scores."""
    each = [Result({run: counts}, result.objects, BETA) for run, counts in result.runs.items()]
    return float(np.mean([total(one) for one in each]))


def _by_object(result: Result) -> list[Line]:
    """Return a line per object, and one for all."""
    lines = [{"object": name, **_ratios(counts)} for name, counts in result.counts.items()]
    blank = dict.fromkeys(lines[0])
    return [*lines, {**blank, "object": TOTAL, "f4": total(result)}]


def _ratios(counts: Counts) -> Line:
    """Return counts and what they make."""
    return {
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "precision": counts.precision,
        "recall": counts.recall,
        "f4": counts.f_beta(BETA),
    }


def _spread(scores: Sequence[float]) -> Line:
    """Return mean, standard deviation and best over folds."""
    if not scores:
        return {"mean_f4": None, "std_f4": None, "best_f4": None}
    mean, std = float(np.mean(scores)), float(np.std(scores))
    return {"mean_f4": mean, "std_f4": std, "best_f4": max(scores)}


def _groups(scored: Iterable[Scored]) -> dict[Group, list[Scored]]:
    """Put the folds of one experiment and way to use it together."""
    groups: dict[Group, list[Scored]] = {}
    for one in scored:
        groups.setdefault(one.row.group, []).append(one)
    return groups


def _used(parameters: Parameters) -> Line:
    """Return what of the parameters changes picks."""
    return parameters.model_dump(mode="json", include={"thresholds", "pickers"})
