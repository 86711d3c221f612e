"""A recipe: every setting of a training in one place, from YAML and flags.

Precedence, lowest first: the field's default, the settings of weights to start from, the recipe's
YAML, the flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import field_validator

from tomoscout.augment import AUGMENTATIONS, check_labels, levels
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice, Settings, merge, validate
from tomoscout.data.sampling import SamplingSettings
from tomoscout.data.simulated import DataSettings
from tomoscout.losses import LOSSES
from tomoscout.models import MODELS
from tomoscout.ops.class_weights import ClassWeights
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.pickers import PICKERS
from tomoscout.simulation.preset import preset_values
from tomoscout.targets import TARGETS, needs_labels
from tomoscout.training._recipes import read_values, recipes_in
from tomoscout.training.settings import TrainingSettings

_PACKAGE = "tomoscout.recipes"

__all__ = ["Recipe", "TrainingSettings", "read_recipe", "recipe_names"]


class Recipe(Settings):
    """Everything a training depends on, besides its runs."""

    data: DataSettings = DataSettings()
    """Where patches come from: a project's runs, or simulation."""
    kind: str | None = None
    """Kind of tomogram, such as ``denoised``; None takes ``denoised`` or the only one. Where there
    is a project to validate on, simulated tomograms to train on do not heed it."""
    kinds: tuple[str, ...] = ()
    """Kinds that patches are cut from, each time one of those a run has; only ``kind`` when
    empty."""
    normalise: NormaliseSettings = NormaliseSettings()
    """How grey values are brought to one scale, in training and in use."""
    sampling: SamplingSettings = SamplingSettings()
    """Which patches are cut."""
    augment: tuple[Choice, ...] = ()
    """What is done to each patch, in order; or a word for it: none, base-anisotropic,
    advanced-anisotropic, base-isotropic, advanced-isotropic."""
    target: Choice = Choice(name="points")
    """What the network is asked for."""
    model: Choice = Choice(name="scout_unet")
    """The network."""
    loss: Choice = Choice(name="cross_entropy")
    """How far it is from the target."""
    class_weights: ClassWeights = ClassWeights()
    """How much each object and background count in the loss."""
    picker: Choice = Choice(name="local_max")
    """How picks are drawn from its scores."""
    together: bool = False
    """Whether objects are sizes or kinds of one thing: their maps are picked as one, and picks are
    called by what is likeliest there. See ``inference.together``."""
    training: TrainingSettings = TrainingSettings()
    """The loop."""

    @field_validator("kinds", mode="before")
    @classmethod
    def _one_kind(cls, kinds: Any) -> Any:
        """Take the name of a single kind as a list of one."""
        return [kinds] if isinstance(kinds, str) else kinds

    @field_validator("augment", mode="before")
    @classmethod
    def _words(cls, steps: Any) -> Any:
        """Put the steps in place of the words that stand for them."""
        if not isinstance(steps, str | list | tuple):
            return steps
        listed = [steps] if isinstance(steps, str) else steps
        return [s for step in listed for s in (levels(step) if isinstance(step, str) else [step])]


def recipe_names() -> list[str]:
    """Names of the recipes in the package."""
    return recipes_in(_PACKAGE)


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
    values, source = read_values(name, _PACKAGE)
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
    if needs_labels(recipe.target.resolve(TARGETS)[0]):
        check_labels(recipe.augment)
    loss, _ = recipe.loss.resolve(LOSSES)
    if recipe.target.name not in loss.TARGETS:
        raise UserError(
            f"{source}: loss '{recipe.loss.name}' is not made for target '{recipe.target.name}': "
            f"choose a target from {', '.join(loss.TARGETS)}, or another loss"
        )
    if recipe.sampling.annotated_around and not getattr(loss, "TAKES_UNKNOWN", False):
        able = [name for name in LOSSES.names() if hasattr(LOSSES[name], "TAKES_UNKNOWN")]
        raise UserError(
            f"{source}: sampling.annotated_around {recipe.sampling.annotated_around:g}: loss "
            f"'{recipe.loss.name}' cannot leave cells out: choose from {', '.join(able)}"
        )
