"""Start a classifier from an encoder that learnt without labels: what it inherits and takes over.

The encoder becomes the backbone, tensor by tensor, running statistics of its norms included. Its
projection stays behind, and the head starts fresh. How crops are cut and normalised is the
encoder's, where the recipe says nothing else: features of other crops would be others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from tomoscout.classifiers import CLASSIFIERS
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.settings import Choice, merge
from tomoscout.inference.card import Origin
from tomoscout.inference.encoder_card import EncoderCard
from tomoscout.inference.encoder_weights import EncoderWeights

logger = logging.getLogger(__name__)

_LEFT_BEHIND = "projector."


def inherited_crops(card: EncoderCard) -> dict[str, Any]:
    """Return the settings that lie under the recipe's own: how crops are cut and normalised."""
    old = {key: card.recipe[key] for key in ("kind", "crop") if card.recipe.get(key) is not None}
    return old | {"slab": card.slab, "normalise": card.normalise.model_dump(mode="json")}


def with_backbone(classifier: Choice, card: EncoderCard) -> Choice:
    """Return a choice of classifier on the encoder; what the choice says of its backbone stays."""
    under = {"backbone": card.encoder.model_dump(mode="json")}
    return Choice.model_validate(merge(under, classifier.model_dump(mode="json")))


def check_encoder(init: EncoderWeights, recipe: Any, held_out: Sequence[str]) -> None:
    """Refuse an encoder that the recipe cannot go on from; warn of held-out runs it has seen.

    Parameters
    ----------
    init
        The encoder.
    recipe
        Of the classifier.
    held_out
        Runs that say how often the classifier is right.

    Raises
    ------
    UserError
        If backbone or normalisation differ.
    """
    card = init.card
    if recipe.normalise.method != card.normalise.method:
        raise UserError(
            f"normalise.method {recipe.normalise.method}: {init.source} was trained with "
            f"{card.normalise.method}: leave it out, or start from another encoder"
        )
    _, settings = recipe.classifier.resolve(CLASSIFIERS)
    fresh = recipe.shapes().backbone.state_dict()
    if _shapes(fresh) != _shapes(_kept(init)):
        raise UserError(
            f"backbone {_told(settings.backbone.model_dump())}: {init.source} are weights "
            f"of {_told(card.encoder.model_dump())}: leave the backbone out, or start from another "
            "encoder"
        )
    crop = recipe.crop_voxels(card.voxel_spacing)
    if crop != card.crop:
        logger.warning(
            "crops of %s voxels: %s learnt from %s; a transformer_head of a coarser grid takes "
            "smaller ones",
            _size(crop), init.source, _size(card.crop),
        )  # fmt: skip
    seen = sorted(set(held_out) & set(card.trained_on))
    if seen:
        logger.warning(
            "held-out runs %s: %s learnt from runs of these names, though not from their labels",
            ", ".join(seen), init.source,
        )  # fmt: skip


def take_over_encoder(init: EncoderWeights, network: Any) -> None:
    """Copy an encoder's weights into a classifier's backbone, in place; see `check_encoder`."""
    network.backbone.load_state_dict(_kept(init))


def origin_of_encoder(init: EncoderWeights) -> Origin:
    """Return what a card says of the encoder that its training started from."""
    return Origin(name=init.name, fingerprint=init.fingerprint, trained_on=init.card.trained_on)


def _kept(init: EncoderWeights) -> dict[str, Tensor]:
    """Return the encoder's tensors without those of its projection."""
    state = init.network.state_dict()
    return {name: tensor for name, tensor in state.items() if not name.startswith(_LEFT_BEHIND)}


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors by name."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _size(shape: Shape) -> str:
    """Return voxels along each axis, for a message."""
    return " x ".join(map(str, shape))


def _told(encoder: Mapping[str, Any]) -> str:
    """Return an encoder's name and what shapes it, for a message."""
    options = ", ".join(
        f"{key} {value}" for key, value in encoder.items()
        if key != "name" and not key.startswith("projection")
    )  # fmt: skip
    return f"'{encoder['name']}'" + (f" with {options}" if options else "")
