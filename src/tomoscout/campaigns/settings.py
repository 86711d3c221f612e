"""What a campaign compares: experiments, strategies, pickers, ways to tune; and on which runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.parameters import Blend
from tomoscout.core.settings import Choice, Settings, read_yaml, validate
from tomoscout.inference.tiling import WindowSettings
from tomoscout.ops.views import VIEWS
from tomoscout.pickers import PICKERS
from tomoscout.tuning.spaces import space_of

Strategy = Literal["best_single", "kfold_ensemble", "ensemble_specialists"]
Tuning = Literal["default", "thresholds", "global", "search"]

CARD = "card"
"""The picker, or pickers, that the weights bring."""


class RunsSettings(Settings):
    """Annotated runs of a project."""

    project: str
    """Copick config, Kaggle folder, or folder of tomograms with pick files beside them."""
    runs: tuple[str, ...] = ()
    """Which of its runs; all that have picks when not given."""
    kind: str | None = None
    """Kind of tomogram, such as denoised or wbp; what the weights were trained on by default."""
    voxel_spacing: float | None = Field(default=None, gt=0)
    """Edge of a voxel in Å, where the files' headers do not say."""
    objects: str | None = None
    """Table of objects (YAML or copick config), instead of the project's own."""

    @field_validator("runs", mode="before")
    @classmethod
    def _one_run(cls, runs: Any) -> Any:
        """Take the name of a single run as a list of one."""
        return [runs] if isinstance(runs, str) else runs


class SearchSettings(Settings):
    """How the tuning ``search`` looks for the pickers' parameters."""

    method: Literal["grid", "optuna"] = "grid"
    """Every combination of ``space``, or a sampler that learns from its trials."""
    space: dict[str, dict[str, tuple[Any, ...]]] = Field(default_factory=dict)
    """Values to try, by picker and parameter; the pickers' own usual ones when not given."""
    trials: int = Field(default=50, ge=1)
    """Trials per object of ``optuna``."""
    shared: bool = False
    """Whether all objects get the same parameters and threshold: safer with few particles."""
    seed: int = 0
    """Of the sampler."""


class CampaignSettings(Settings):
    """A campaign: every experiment with every strategy, view group, picker and way to tune."""

    experiments: dict[str, str] = Field(min_length=1)
    """What is compared, by the name it has in the tables: the folder of a ``crossval``, a training
    folder, a weights file, or the name of weights."""
    validation: RunsSettings | None = None
    """Runs to tune on; each experiment uses those that a fold of it has not been trained on."""
    test: RunsSettings | None = None
    """Runs to score; the validation runs when not given, each by a fold that has not seen it and
    with what was tuned on the others."""
    namesakes: bool = False
    """Whether runs of the test project are other ones than the runs of the same names elsewhere.
    Weights note the names of the runs they saw; by default equal names are the same run."""
    seen: Literal["leave_out", "mark"] = "leave_out"
    """What becomes of test runs that a member was trained on: they are left out, or scored and
    marked in every table."""
    strategies: tuple[Strategy, ...] = Field(default=("best_single",), min_length=1)
    """``best_single``: every fold by itself. ``kfold_ensemble``: all folds together.
    ``ensemble_specialists``: per fold, each object by the weights that were best at it."""
    tta: tuple[str, ...] = Field(default=("none",), min_length=1)
    """Groups of views that scores are averaged over: see ``ops.views``."""
    pickers: tuple[Choice, ...] = Field(default=(Choice(name=CARD),), min_length=1)
    """How picks are drawn from score maps; ``card`` stands for what the weights bring."""
    tuning: tuple[Tuning, ...] = Field(default=("thresholds",), min_length=1)
    """``default``: the weights' own thresholds. ``thresholds``: the best one per object.
    ``global``: the best one for all. ``search``: the pickers' parameters too."""
    blend: Blend = "probabilities"
    """How scores of the members of an ensemble become one."""
    spread: float = Field(default=0.0, ge=0)
    """By what factor scores of other tomograms are expected to be off (standard deviation of its
    logarithm): thresholds per object hold up to it. 0 takes those that are best."""
    search: SearchSettings = SearchSettings()
    """How ``search`` searches."""
    window: WindowSettings = WindowSettings()
    """How tomograms are cut into tiles."""

    @field_validator("strategies", "tta", "tuning", mode="before")
    @classmethod
    def _known_names(cls, names: Any, info: Any) -> Any:
        """Take one name as a list of one; refuse unknown ones with the nearest known."""
        names = [names] if isinstance(names, str) else names
        known = {"strategies": get_args(Strategy), "tta": tuple(VIEWS), "tuning": get_args(Tuning)}
        return _checked(names, known[info.field_name])

    @field_validator("pickers", mode="before")
    @classmethod
    def _named_pickers(cls, pickers: Any) -> Any:
        """Take a picker without options by its name alone."""
        pickers = [pickers] if isinstance(pickers, str | dict | Choice) else pickers
        return [{"name": one} if isinstance(one, str) else one for one in pickers]

    @field_validator("pickers")
    @classmethod
    def _usable_pickers(cls, pickers: tuple[Choice, ...]) -> tuple[Choice, ...]:
        """Refuse pickers that do not exist, or that have no such settings."""
        for picker in pickers:
            if picker.name == CARD:
                if picker.options:
                    raise UserError(f"picker '{CARD}' takes no settings: name a picker instead")
            else:
                picker.resolve(PICKERS)
        _refuse_twice([label(picker) for picker in pickers])
        return pickers

    @field_validator("experiments")
    @classmethod
    def _plain_names(cls, experiments: dict[str, str]) -> dict[str, str]:
        """Refuse names that cannot be part of a file's name."""
        for name in experiments:
            if not name or name.startswith(".") or set(name) & set('/\\:*?"<>|\n,'):
                raise UserError(f"'{name}' cannot name an experiment: use letters, digits, - or _")
        return experiments

    @model_validator(mode="after")
    def _whole(self) -> CampaignSettings:
        """Refuse what only the settings together show to be wrong."""
        if self.validation is None and self.test is None:
            raise ValueError("no runs: name a project under 'validation', 'test' or both")
        if self.validation is None and set(self.tuning) != {"default"}:
            raise ValueError("nothing to tune on: name a project under 'validation'")
        if self.window.tta != "none":
            raise ValueError("'window.tta': list groups of views under 'tta', to compare them")
        for name in self.search.space:
            space_of(Choice(name=name), self.search.space)
        return self

    @property
    def tested(self) -> RunsSettings:
        """Where the runs that are scored lie."""
        chosen = self.test or self.validation
        assert chosen is not None  # checked when the settings were read
        return chosen


def read_campaign(path: Path, *, over: dict[str, Any] | None = None) -> CampaignSettings:
    """Read a campaign from YAML, with settings laid over it.

    Raises
    ------
    UserError
        If the file is missing or broken, or a setting is; the message names the nearest known one.
    """
    from tomoscout.core.settings import merge

    return validate(CampaignSettings, merge(read_yaml(path), over or {}), source=str(path))


def label(picker: Choice) -> str:
    """Return what a picker is called in the tables: its name and what was set."""
    options = " ".join(f"{key}={value}" for key, value in sorted(picker.options.items()))
    return f"{picker.name} {options}".strip()


def _checked(names: Sequence[Any], known: Sequence[str]) -> Sequence[Any]:
    """Refuse names that are not known, or that occur twice."""
    for name in names:
        if name not in known:
            hint = did_you_mean(str(name), known) or f" Choose from {', '.join(known)}."
            raise UserError(f"unknown '{name}'.{hint}")
    _refuse_twice(names)
    return names


def _refuse_twice(names: Sequence[Any]) -> None:
    """Refuse a list that names something twice: its rows would have the same names."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UserError(f"named twice: {', '.join(map(str, twice))}")
