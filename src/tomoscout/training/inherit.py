"""Start a training from weights: the settings it inherits, and whether the two go together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from tomoscout.candidates.dog import is_blob
from tomoscout.core.errors import UserError
from tomoscout.inference.card import Card, Origin
from tomoscout.inference.encoder_weights import EncoderWeights
from tomoscout.inference.weights import Detector
from tomoscout.losses import LOSSES
from tomoscout.training.recipe import Recipe

logger = logging.getLogger(__name__)

_SAME_SPACING = 0.03  # relative; tomograms of others are resampled when picked, too
_FAR = 1.5  # factor of the spacing beyond which nothing learnt looks the same


def default_recipe(init: Detector | None) -> str:
    """Return the name of the recipe for those who give none."""
    return "scout" if init is None else "finetune"


def inherited(card: Card) -> dict[str, Any]:
    """Return the settings that a training takes from the weights it starts from.

    They lie under the recipe's own: what it does not set is as it was.
    """
    old = card.recipe
    settings = {key: old[key] for key in ("kind", "target", "loss") if key in old}
    return settings | {
        "model": card.model.model_dump(mode="json"),
        "normalise": card.normalise.model_dump(mode="json"),
        "picker": card.picker.model_dump(mode="json"),
        "sampling": {"patch": list(card.patch)},
    }


def origin_of(init: Detector) -> Origin:
    """Return what a card says of the weights its training started from."""
    before = init.card.origin.trained_on if init.card.origin else ()
    seen = dict.fromkeys((*before, *init.card.trained_on))
    return Origin(name=init.name, fingerprint=init.fingerprint, trained_on=tuple(seen))


def check_start(init: Detector, recipe: Recipe, validation: Sequence[str]) -> None:
    """Refuse weights that the recipe cannot go on from; warn of validation runs they have seen.

    Raises
    ------
    UserError
        If network, activation or normalisation differ.
    """
    card = init.card
    if recipe.model.name != card.model.name:
        raise UserError(
            f"model '{recipe.model.name}': {init.source} are weights of '{card.model.name}': leave "
            "the model out, or start from other weights"
        )
    activation = recipe.loss.resolve(LOSSES)[0].ACTIVATION
    if activation != card.activation:
        raise UserError(
            f"loss '{recipe.loss.name}': made for {activation} scores, but {init.source} gives "
            f"{card.activation} ones: leave the loss out, or start from other weights"
        )
    if recipe.normalise.method != card.normalise.method:
        raise UserError(
            f"normalise.method {recipe.normalise.method}: {init.source} was trained with "
            f"{card.normalise.method}: leave it out, or start from other weights"
        )
    if card.together and not recipe.together and not all(map(is_blob, card.object_table.names)):
        logger.warning(
            "together: %s picks its objects from one map, and the new weights will pick one by "
            "one: set 'together: true' if these are sizes or kinds of one thing as well",
            init.source,
        )
    if recipe.normalise.clip != card.normalise.clip:
        logger.warning(
            "normalise.clip %s: %s was trained with %s, and has to get used to it",
            recipe.normalise.clip, init.source, card.normalise.clip,
        )  # fmt: skip
    seen = sorted(set(validation) & set(origin_of(init).trained_on))
    if seen:
        logger.warning(
            "validation runs %s: runs of these names trained %s; if they are the same, their score "
            "says nothing about other tomograms",
            ", ".join(seen), init.source,
        )  # fmt: skip


def check_spacing(init: Detector | EncoderWeights, voxel_spacing: float) -> None:
    """Warn of tomograms at another voxel spacing than the weights know; refuse a far one."""
    known = init.card.voxel_spacing
    factor = max(voxel_spacing / known, known / voxel_spacing)
    if factor > _FAR:
        raise UserError(
            f"tomograms of {voxel_spacing:g} Å voxels: {init.source} was trained on "
            f"{known:g} Å: bin or rescale the tomograms first, or train without --init"
        )
    if factor > 1 + _SAME_SPACING:
        logger.warning(
            "tomograms of %g Å voxels: %s was trained on %g Å, and sees all particles %.2f times "
            "as large as it is used to",
            voxel_spacing, init.source, known, known / voxel_spacing,
        )  # fmt: skip
