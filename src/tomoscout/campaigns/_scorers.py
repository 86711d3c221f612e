"""The models that a strategy makes of an experiment's folds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tomoscout.campaigns._jobs import Scorer, digest
from tomoscout.campaigns.experiments import Experiment, Member
from tomoscout.campaigns.settings import Strategy
from tomoscout.core.parameters import Blend


def scorers(
    experiment: Experiment, strategy: Strategy, *, blend: Blend = "probabilities"
) -> tuple[list[Scorer], list[str]]:
    """Return the models, and in words what is missing.

    Parameters
    ----------
    experiment
        Its folds.
    strategy
        ``best_single`` gives one per fold, ``kfold_ensemble`` one of all folds,
        ``ensemble_specialists`` one per fold that kept the weights best at each object.
    blend
        How scores of the folds become one.
    """
    members = experiment.members
    if strategy == "best_single":
        return [_scorer(experiment, strategy, [member]) for member in members], []
    if strategy == "kfold_ensemble":
        if len(members) < 2:
            return [], ["left out, there is one training and so nothing to join"]
        return [replace(_scorer(experiment, strategy, members), blend=blend)], []
    able = [member for member in members if member.specialists is not None]
    if not able:
        return [], ["left out, no specialists: train with --training.specialists true"]
    missing = [member.name for member in members if member.specialists is None]
    reasons = [f"without fold {', '.join(missing)}, which kept no specialists"] if missing else []
    return [_scorer(experiment, strategy, [member]) for member in able], reasons


def _scorer(experiment: Experiment, strategy: Strategy, members: Sequence[Member]) -> Scorer:
    """Join members to one model."""
    alone = len(members) == 1
    # Specialists are those of many that were best on the held-out runs, whatever is kept else.
    expert = strategy == "ensemble_specialists"
    prints = [member.specialists if expert else member.fingerprint for member in members]
    kinds = {member.kind for member in members}
    own = [json.dumps(dict(m.thresholds), sort_keys=True) for m in members]
    return Scorer(
        experiment=experiment.name,
        strategy=strategy,
        fold=members[0].name if alone else "",
        paths=tuple(member.path for member in members),
        fingerprint=str(prints[0]) if alone else digest(prints),
        trained_on=_union(member.trained_on for member in members),
        chosen_on=_union(m.validated_on if expert else m.chosen_on for m in members),
        tuned_on=_union(m.tuned_on | m.validated_on if expert else m.tuned_on for m in members),
        own=("\n".join(own), members[0].pickers),
        together=all(member.together for member in members),
        kind=kinds.pop() if len(kinds) == 1 else None,
    )


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Join sets."""
    return frozenset().union(*sets)
