"""The recipe of a contrastive training: every setting in one place, from YAML and flags.

Precedence, lowest first: the field's default, the recipe's YAML, the flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from tomoscout.augment import AUGMENTATIONS
from tomoscout.candidates import CANDIDATES
from tomoscout.core.settings import Choice
from tomoscout.encoders import ENCODERS
from tomoscout.objectives import OBJECTIVES
from tomoscout.training._recipes import read_as, recipes_in
from tomoscout.training.crop_recipe import CropRecipe
from tomoscout.training.settings import TrainingSettings

_PACKAGE = "tomoscout.recipes.contrast"


class ContrastRecipe(CropRecipe):
    """Everything a contrastive training depends on, besides its runs."""

    tomograms: int = Field(default=16, ge=1)
    """How many tomograms are learnt from, at most; of more, so many are drawn. All are held in
    memory."""
    candidates: Choice = Choice(name="dog")
    """How places worth a look are found, without labels."""
    at_candidates: float = Field(default=0.75, ge=0, le=1)
    """Share of crops at these places; the rest lie anywhere."""
    shift: float = Field(default=20.0, ge=0)
    """How far each view lies off its place at most, along each axis, in ångström."""
    apart: float = Field(default=100.0, ge=0)
    """Places of one tomogram that are nearer, in ångström, are not told apart from each other."""
    views: tuple[Choice, ...] = (
        Choice(name="flip"),
        Choice(name="quarter_turn"),
        Choice(name="intensity", probability=0.8, scale=0.3, shift=0.3),
        Choice(name="blur", probability=0.5, sigma=12.0),
        Choice(name="noise", probability=0.8, sigma=0.5),
        Choice(name="missing_wedge", probability=0.3),
    )
    """What is done to each view, in order."""
    encoder: Choice = Choice(name="resnet3d")
    """The network."""
    objective: Choice = Choice(name="nt_xent")
    """What it is trained for."""
    training: TrainingSettings = TrainingSettings(batch_size=128, steps=400, ema=0.0)
    """The loop."""

    def _build(self) -> Any:
        """Build the encoder."""
        module, settings = self.encoder.resolve(ENCODERS)
        return module.build(settings)


def contrast_recipe_names() -> list[str]:
    """Names of the contrastive recipes in the package."""
    return recipes_in(_PACKAGE)


def read_contrast_recipe(
    name: str | Path, overrides: Mapping[str, Any] | None = None
) -> ContrastRecipe:
    """Read a contrastive recipe by name or path, and lay flags over it.

    Raises
    ------
    UserError
        If there is no such recipe, a key is misspelt, or a value is wrong.
    """
    recipe = read_as(ContrastRecipe, name, _PACKAGE, overrides)
    for choice, family in (
        (recipe.candidates, CANDIDATES),
        (recipe.encoder, ENCODERS),
        (recipe.objective, OBJECTIVES),
        *((view, AUGMENTATIONS) for view in recipe.views),
    ):
        choice.resolve(family)
    return recipe
