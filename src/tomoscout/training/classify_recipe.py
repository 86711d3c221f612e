"""The recipe of a classifier's training: every setting in one place, from YAML and flags.

Precedence, lowest first: the field's default, the settings of an encoder to start from, the
recipe's YAML, the flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from tomoscout.augment import AUGMENTATIONS
from tomoscout.candidates import CANDIDATES
from tomoscout.classifiers import CLASSIFIERS
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.inference.encoder_card import EncoderCard
from tomoscout.lessons import LESSONS
from tomoscout.training._recipes import read_as, recipes_in
from tomoscout.training.backbone import inherited_crops, with_backbone
from tomoscout.training.crop_recipe import CropRecipe
from tomoscout.training.settings import TrainingSettings

_PACKAGE = "tomoscout.recipes.classify"


class ClassifyRecipe(CropRecipe):
    """Everything a classifier's training depends on, besides its runs."""

    crop: float = Field(default=240.0, gt=0)
    """Edge of a crop, in ångström: most of a particle is enough to name it by, and larger crops
    cost more than they tell."""
    shift: float = Field(default=20.0, ge=0)
    """How far a crop lies off its place at most, along each axis, in ångström: as far as picks
    do."""
    background: float = Field(default=0.25, ge=0, le=1)
    """Share of crops without a particle."""
    candidates: Choice = Choice(name="dog")
    """How what looks like a particle is found."""
    lookalikes: float = Field(default=0.5, ge=0, le=1)
    """Share of background that looks like a particle and is none; the rest lies anywhere."""
    apart: float = Field(default=100.0, ge=0)
    """How far background lies from particles, in ångström: what a pick may be off, and more. From
    objects of a larger radius it lies that radius."""
    views: tuple[Choice, ...] = (
        Choice(name="flip"),
        Choice(name="quarter_turn"),
        Choice(name="intensity", probability=0.8, scale=0.2, shift=0.2),
        Choice(name="noise", probability=0.5, sigma=0.3),
    )
    """What is done to each crop, in order."""
    classifier: Choice = Choice(name="linear_head")
    """The network."""
    lesson: Choice = Choice(name="cross_entropy")
    """What it is taught."""
    held_out: int = Field(default=2000, ge=1)
    """Crops of the held-out runs that each validation looks at, at most."""
    training: TrainingSettings = TrainingSettings(
        batch_size=64, steps=1200, learning_rate=1e-3, validate_every=200, ema=0.0
    )
    """The loop."""

    def check(self) -> None:
        """Look everything up that is chosen by name.

        Raises
        ------
        UserError
            If a name or a setting of it is wrong, or the lesson does not fit the classifier.
        """
        self.candidates.resolve(CANDIDATES)
        for view in self.views:
            view.resolve(AUGMENTATIONS)
        lesson, _ = self.lesson.resolve(LESSONS)
        if getattr(lesson, "NEEDS_POSITIONS", False) and max(self.shapes().grid) == 1:
            raise UserError(
                f"lesson '{self.lesson.name}' shuffles positions, and '{self.classifier.name}' "
                "knows none: choose --classifier.name transformer_head, or another lesson"
            )

    def _build(self) -> Any:
        """Build the classifier, for two classes."""
        module, settings = self.classifier.resolve(CLASSIFIERS)
        return module.build(settings, 2)


def classify_recipe_names() -> list[str]:
    """Names of the classifiers' recipes in the package."""
    return recipes_in(_PACKAGE)


def read_classify_recipe(
    name: str | Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    init: EncoderCard | None = None,
) -> ClassifyRecipe:
    """Read a classifier's recipe by name or path, and lay flags over it.

    Parameters
    ----------
    name
        Name of a recipe in the package, or path of a YAML file.
    overrides
        Nested settings that win over the recipe's.
    init
        Of an encoder to start from: see ``backbone`` for what is inherited.

    Raises
    ------
    UserError
        If there is no such recipe, a key is misspelt, a value is wrong, or parts do not fit.
    """
    under = inherited_crops(init) if init else None
    recipe = read_as(ClassifyRecipe, name, _PACKAGE, overrides, under=under)
    if init:
        on_it = with_backbone(recipe.classifier, init)
        recipe = recipe.model_copy(update={"classifier": on_it})
    recipe.check()
    return recipe
