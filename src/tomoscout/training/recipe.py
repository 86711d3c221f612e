"""A recipe: every setting of a training in one place, from YAML and flags.

Precedence, lowest first: the field's default, the settings of weights to start from, the recipe's
YAML, the flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from tomoscout.augment import AUGMENTATIONS
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.settings import Choice, Settings, merge, read_yaml, validate
from tomoscout.data.sampling import SamplingSettings
from tomoscout.data.simulated import DataSettings
from tomoscout.losses import LOSSES
from tomoscout.models import MODELS
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.pickers import PICKERS
from tomoscout.simulation.preset import preset_values
from tomoscout.targets import TARGETS


class TrainingSettings(Settings):
    """The loop: how long, how fast, how checked."""

    steps: int = Field(default=900, ge=1)
    """Optimiser steps in all."""
    batch_size: int = Field(default=4, ge=1)
    """Patches per step and device."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Highest learning rate."""
    weight_decay: float = Field(default=1e-2, ge=0)
    """Of AdamW."""
    schedule: Literal["cosine", "constant", "halving"] = "cosine"
    """``cosine`` falls to zero, ``halving`` drops to a half at half time, ``constant`` stays."""
    warmup: int = Field(default=30, ge=0)
    """Steps over which the learning rate first rises."""
    clip: float = Field(default=1.0, ge=0)
    """Largest norm of a step's gradient; 0 does not clip."""
    ema: float = Field(default=0.99, ge=0, lt=1)
    """Share the averaged weights keep at each step; these are validated and saved. 0 averages
    nothing."""
    level_weights: tuple[float, ...] = ()
    """Weights of the network's outputs, fine to coarse; all alike when empty."""
    mixup: float = Field(default=0.0, ge=0)
    """Parameter of the Beta distribution two patches are mixed by; 0 mixes nothing."""
    validate_every: int = Field(default=100, ge=1)
    """Steps between validations, each of which also writes a checkpoint to resume from."""
    threshold_spread: float = Field(default=0.4, ge=0)
    """By what factor (standard deviation of its logarithm) scores of other tomograms are expected
    to be off: thresholds are chosen to hold up to it. 0 takes the validation runs' own best."""
    seed: int = 0
    """Of weights, patches and augmentation."""
    bf16: bool = True
    """Compute in bfloat16 where the machine is fast at it."""
    workers: int = Field(default=0, ge=0)
    """Processes that cut patches beside the training; worth it on a GPU."""
    devices: int = Field(default=1, ge=1)
    """GPUs (or CPU processes) that share a step."""
    logger: Literal["csv", "tensorboard", "wandb"] = "csv"
    """An extra log beside ``history.csv``, which is always written."""

    @property
    def per_epoch(self) -> int:
        """Steps between validations, where the training is as long as that."""
        return min(self.validate_every, self.steps)


class Recipe(Settings):
    """Everything a training depends on, besides its runs."""

    data: DataSettings = DataSettings()
    """Where patches come from: a project's runs, or simulation."""
    kind: str | None = None
    """Kind of tomogram, such as ``denoised``; None takes ``denoised`` or the only one."""
    normalise: NormaliseSettings = NormaliseSettings()
    """How grey values are brought to one scale, in training and in use."""
    sampling: SamplingSettings = SamplingSettings()
    """Which patches are cut."""
    augment: tuple[Choice, ...] = ()
    """What is done to each patch, in order."""
    target: Choice = Choice(name="points")
    """What the network is asked for."""
    model: Choice = Choice(name="scout_unet")
    """The network."""
    loss: Choice = Choice(name="cross_entropy")
    """How far it is from the target."""
    picker: Choice = Choice(name="local_max")
    """How picks are drawn from its scores."""
    training: TrainingSettings = TrainingSettings()
    """The loop."""


def recipe_names() -> list[str]:
    """Names of the recipes in the package."""
    folder = resources.files("tomoscout.recipes")
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml"))


def read_recipe(
    name: str | Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    under: Mapping[str, Any] | None = None,
) -> Recipe:
    """Read a recipe by name or path, lay flags over it, and check that its parts fit.

    Parameters
    ----------
    name
        Name of a recipe in the package, or path of a YAML file.
    overrides
        Nested settings that win over the recipe's.
    under
        Nested settings that the recipe's win over: those of weights to start from.

    Raises
    ------
    UserError
        If there is no such recipe, a key is misspelt, a value is wrong, or target and loss do
        not go together.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        values, source = read_yaml(path), str(path)
    elif str(name) in recipe_names():
        text = resources.files("tomoscout.recipes").joinpath(f"{name}.yaml").read_text("utf-8")
        values, source = yaml.safe_load(text) or {}, f"recipe {name}"
    else:
        names = recipe_names()
        raise UserError(
            f"no recipe '{name}': choose from {', '.join(names)}, or give a YAML file."
            + did_you_mean(str(name), names)
        )
    defaults = merge(Recipe().model_dump(mode="json"), under or {})
    given = merge(values, overrides or {})
    recipe = validate(Recipe, merge(merge(defaults, _of_preset(given)), given), source=source)
    _check(recipe, source)
    return recipe


def _of_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the simulation's preset says, where one is named; how it is written is no use."""
    data = given.get("data")
    name = data.get("preset") if isinstance(data, Mapping) else None
    if name is None:
        return {}
    values, _ = preset_values(str(name))
    return {"data": {k: v for k, v in values.items() if k not in ("layout", "needs_picks")}}


def _check(recipe: Recipe, source: str) -> None:
    """Refuse parts that do not exist or do not go together, before any time is spent."""
    for choice, family in (
        (recipe.model, MODELS),
        (recipe.target, TARGETS),
        (recipe.picker, PICKERS),
        *((step, AUGMENTATIONS) for step in recipe.augment),
    ):
        choice.resolve(family)
    loss, _ = recipe.loss.resolve(LOSSES)
    if recipe.target.name not in loss.TARGETS:
        raise UserError(
            f"{source}: loss '{recipe.loss.name}' is not made for target '{recipe.target.name}': "
            f"choose a target from {', '.join(loss.TARGETS)}, or another loss"
        )
