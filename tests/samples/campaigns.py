"""Experiments on paper, for tests of plans and tables."""

from __future__ import annotations

from pathlib import Path

from tomoscout.campaigns.experiments import Experiment, Member
from tomoscout.campaigns.plan import RunRef
from tomoscout.campaigns.settings import CampaignSettings


def fold(name: str, *, knows=(), held_out=(), keep="last", specialists=True) -> Member:
    """A fold that has learnt from some runs, was validated on others and tuned there."""
    return Member(
        name,
        Path(f"out/fold_{name}"),
        f"weights of {name} from {sorted(knows)}",
        trained_on=frozenset(knows),
        chosen_on=frozenset(held_out if keep == "best" else ()),
        validated_on=frozenset(held_out),
        tuned_on=frozenset(held_out),
        thresholds={"ball": 0.5},
        specialists=f"specialists of {name}" if specialists else None,
    )


def crossval(runs, name="scout", **changes) -> Experiment:
    """One fold per run, which it holds out."""
    members = tuple(fold(run, knows=set(runs) - {run}, held_out={run}, **changes) for run in runs)
    return Experiment(name, members, is_crossval=True)


def refs(side, names, project="data") -> tuple[RunRef, ...]:
    """Runs of a project; those of the same project and name are the same."""
    return tuple(RunRef(side, name, f"/{project}/{name}.mrc") for name in names)


def campaign(**changes) -> CampaignSettings:
    """Settings that a test is about, and what else must be there."""
    values = {
        "experiments": {"scout": "out"},
        "validation": {"project": "data"},
        "test": {"project": "other"},
    }
    return CampaignSettings.model_validate({**values, **changes})
