"""One tile through a network from several views, the answers averaged (test-time augmentation).

A view is answered, laid back and added before the next one is looked at, so memory does not grow
with their number. Which views, and when they help: ``ops.views``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tomoscout.core.activation import Activation
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.parameters import Average
from tomoscout.models import Network
from tomoscout.ops.activations import probabilities
from tomoscout.ops.views import divisor_of, find_views


@dataclass(frozen=True)
class Answer:
    """How a tile is answered: by a network for each shape that its views have.

    Attributes
    ----------
    networks
        Network for each shape of a view, in voxels.
    activation
        From logits to probabilities.
    tta
        Name of the group of views.
    average
        What is averaged.
    """

    networks: Mapping[Shape, Network]
    activation: Activation
    tta: str = "none"
    average: Average = "probabilities"

    def __call__(self, batch: Float[Tensor, "1 c z y x"]) -> Float[Tensor, "o u v w"]:
        """Return the mean probabilities of one tile, without background."""
        views = find_views(self.tta)
        total: Tensor | None = None
        for view in views:
            moved = view.apply(batch).contiguous(memory_format=torch.channels_last_3d)
            z, y, x = moved.shape[-3:]
            values = self.networks[z, y, x](moved)[0].float()
            if self.average == "probabilities":
                values = probabilities(values, self.activation)
            values = view.undo(values)
            if total is None:  # the answer may lie in memory that the network uses again
                total = values.clone() if len(views) > 1 else values
            else:
                total += values
        assert total is not None  # every group has a view
        mean = total / len(views) if len(views) > 1 else total
        return (probabilities(mean, self.activation) if self.average == "logits" else mean)[0]


def networks_for(
    tile: Shape, *, divisor: Shape, tta: str, prepare: Callable[[Shape], Network]
) -> dict[Shape, Network]:
    """Return a network for each shape that a tile has from the views of a group.

    Parameters
    ----------
    tile
        Voxels of a tile, (z, y, x).
    divisor
        What the network needs the edges of its input to be multiples of.
    tta
        Name of the group of views.
    prepare
        Gives the network for a shape.

    Raises
    ------
    UserError
        If the network cannot take one of them.
    """
    views = find_views(tta)
    for view in views:
        shape = view.shape(tile)
        if any(n % d for n, d in zip(shape, divisor, strict=True)):
            fits = divisor_of(views, divisor)
            raise UserError(
                f"test-time views '{tta}': tiles of {tile} voxels become {shape}, and the network "
                f"takes multiples of {divisor}: use tiles of multiples of {fits}"
            )
    return {shape: prepare(shape) for shape in dict.fromkeys(view.shape(tile) for view in views)}
