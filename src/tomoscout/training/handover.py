"""From an encoder that learnt without labels to a detector that starts from it.

The encoder ``detector`` holds a whole detector, whose first half it trains. Its weights become a
file that ``train --init`` takes: a trained encoder, and a decoder as fresh as it was built.
"""

from __future__ import annotations

from typing import Any

from tomoscout.core.activation import channel_names
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice
from tomoscout.data.sampling import SamplingSettings
from tomoscout.inference.card import Card
from tomoscout.inference.encoder_weights import EncoderWeights
from tomoscout.inference.weights import Detector
from tomoscout.ops.crops import nearest_shape
from tomoscout.training.contrast_recipe import ContrastRecipe

_HOLDS_A_DETECTOR = "detector"
_NOTES = (
    "Trained without labels: its encoder knows what crops look like, its decoder nothing yet. It "
    "finds nothing before it has been trained: tomoscout train PROJECT --init"
)


def sized_for(recipe: ContrastRecipe, objects: ObjectTable) -> ContrastRecipe:
    """Return the recipe with a detector's channels, where it holds one, made for the objects."""
    if recipe.encoder.name != _HOLDS_A_DETECTOR:
        return recipe
    channels = len(channel_names("softmax", objects.names))
    encoder = Choice.model_validate({**recipe.encoder.model_dump(), "channels": channels})
    return recipe.model_copy(update={"encoder": encoder})


def detector_of(weights: EncoderWeights, objects: ObjectTable) -> Detector | None:
    """Return the detector that an encoder holds, as weights to start from; None if none."""
    if weights.card.encoder.name != _HOLDS_A_DETECTOR:
        return None
    network: Any = weights.network
    options = weights.card.encoder.options
    card = Card(
        model=Choice.model_validate(options.get("model", {"name": "scout_unet"})),
        objects=tuple(entry.model_dump() for entry in objects.each()),
        activation="softmax",
        stride=network.detector.strides[0],
        voxel_spacing=weights.card.voxel_spacing,
        normalise=weights.card.normalise,
        # Not the crop: a training that goes on from here would take it over for its patches.
        patch=nearest_shape(max(SamplingSettings().patch), network.divisor),
        picker=Choice(name="local_max"),
        trained_on=weights.card.trained_on,
        notes=_NOTES,
    )
    return Detector(network.detector, card)
