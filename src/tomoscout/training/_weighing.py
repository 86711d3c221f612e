"""Class weights of a training: as the recipe gives them, or measured on its patches."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tomoscout.core.activation import Activation
from tomoscout.data.module import PatchDataset
from tomoscout.ops.class_weights import cells_per_class, weights_for
from tomoscout.training.recipe import Recipe

_PATCHES = 64  # the first ones of the training; shares of cells are known to a few percent then


def measured_weights(
    recipe: Recipe, dataset: PatchDataset, activation: Activation
) -> Tensor | None:
    """Return one weight per channel of the network; None leaves them to the loss.

    Parameters
    ----------
    recipe
        Says how classes are weighed.
    dataset
        Its patches are counted where that is what the recipe asks for.
    activation
        What the channels are.
    """
    settings, names = recipe.class_weights, dataset.objects.names
    counts = None
    if settings.method in ("inverse", "effective"):
        counts = np.zeros(len(names) + 1)
        for index in range(_PATCHES):
            counts += cells_per_class(dataset[0, index]["target"][None])
    return weights_for(settings, objects=names, activation=activation, counts=counts)
