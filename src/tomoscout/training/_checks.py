"""What is refused before anything is read: settings that the first steps would stumble over."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.inference.weights import out_channels
from tomoscout.losses import LOSSES
from tomoscout.models import MODELS
from tomoscout.ops.class_weights import weights_for
from tomoscout.training.recipe import Recipe

logger = logging.getLogger(__name__)


def check_parts(recipe: Recipe, objects: ObjectTable) -> None:
    """Refuse patches, level weights, class weights and balancing that do not fit.

    Raises
    ------
    UserError
        In one line, with the remedy.
    """
    module, settings = recipe.model.resolve(MODELS)
    channels = out_channels(recipe.loss.resolve(LOSSES)[0].ACTIVATION, objects.names)
    with torch.device("meta"):  # costs nothing, and leaves the random numbers alone
        network = module.build(settings, 1, channels)
    patch, divisor = recipe.sampling.patch, network.divisor
    if any(n % d for n, d in zip(patch, divisor, strict=True)):
        right = [max(1, round(n / d)) * d for n, d in zip(patch, divisor, strict=True)]
        raise UserError(
            f"sampling.patch {patch}: network '{recipe.model.name}' needs multiples of {divisor} "
            f"voxels (z, y, x): use {','.join(map(str, right))}"
        )
    weights, outputs = recipe.training.level_weights, len(network.strides)
    if weights and len(weights) != outputs:
        raise UserError(
            f"training.level_weights {weights}: network '{recipe.model.name}' has {outputs} "
            f"output{'s' * (outputs > 1)}: give as many weights, or none"
        )
    _check_loss(recipe, objects)
    if recipe.training.batch_size == 1:
        for name in ("mixup", "cutmix"):
            if getattr(recipe.training, name):
                logger.warning("training.%s has no effect: it takes two patches in a batch", name)


def _check_loss(recipe: Recipe, objects: ObjectTable) -> None:
    """Refuse weights of objects that there are not, and balancing of a loss without parts."""
    module, settings = recipe.loss.resolve(LOSSES)
    given = recipe.class_weights
    if given.method != "none":
        given = given.model_copy(update={"method": "given"})  # nothing has been measured yet
    names = objects.names
    weights = weights_for(given, objects=names, activation=module.ACTIVATION)
    loss = module.build(settings, weights=weights)
    if recipe.training.gradnorm and not hasattr(loss, "parts"):
        raise UserError(
            f"training.gradnorm {recipe.training.gradnorm:g}: loss '{recipe.loss.name}' has no "
            f"parts to balance: choose from {', '.join(_sums())}, or set training.gradnorm to 0"
        )


def _sums() -> list[str]:
    """Return the names of the losses that are sums of others."""
    losses = {name: LOSSES[name] for name in LOSSES.names()}
    return [name for name, module in losses.items() if hasattr(_built(module), "parts")]


def _built(module: object) -> object:
    """Build a loss as it is by default."""
    return module.build(module.Settings())  # type: ignore[attr-defined]


def check_watching(recipe: Recipe, validation: Sequence[str]) -> None:
    """Refuse a schedule that follows a score where there is none; tell what has no effect.

    Raises
    ------
    UserError
        In one line, with the remedy.
    """
    settings = recipe.training
    if validation:
        return
    if settings.schedule == "plateau":
        raise UserError(
            "training.schedule plateau follows the validation score, and no run is held out: "
            "choose cosine, constant or halving, or hold one out"
        )
    for name in ("patience", "specialists"):
        if getattr(settings, name):
            logger.warning("training.%s has no effect: no run is held out to validate on", name)
