"""A transformer on the cells of the backbone's map, with a token more that gives the answer.

Each cell becomes a token; the token for the whole crop comes last, and the logits are read from it.
Where a token stands is added to queries and keys alone, in every layer: positions say who looks at
whom, and values carry what is seen. Norms come before attention (Xiong et al., 2020,
arXiv:2002.04745). Positions are there to be shuffled: see the lesson ``puzzle``.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Float32, Int
from pydantic import Field
from torch import Tensor, nn

from tomoscout.classifiers._backbone import BackboneSettings, build_backbone
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.models._attention import Transformer
from tomoscout.models._blocks import check_patch
from tomoscout.ops.puzzle import with_last


class Settings(BackboneSettings):
    """What can be set about the classifier."""

    grid: int = Field(default=3, ge=1)
    """Tokens, and pieces of a puzzle, along each axis of a crop; a finer map is pooled to it."""
    layers: int = Field(default=3, ge=1)
    """Layers of the transformer."""
    heads: int = Field(default=8, ge=1)
    """Heads of each; they divide the features of the backbone."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of what a layer adds that is left out at random in training."""


class TransformerHead(nn.Module):
    """Crops `(b, 1, z, y, x)` -> logits `(b, classes)`."""

    def __init__(self, settings: Settings, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.backbone = build_backbone(settings.backbone)
        self.flat: bool = self.backbone.flat
        width, each = self.backbone.features, settings.grid
        if width % settings.heads:
            raise UserError(
                f"heads {settings.heads}: they must divide the {width} features of the backbone"
            )
        self.grid: Shape = (1 if self.flat else each, each, each)
        z, y, x = (n * cell for n, cell in zip(self.grid, self.backbone.stride, strict=True))
        self.divisor: Shape = (z, y, x)
        places = self.grid[0] * self.grid[1] * self.grid[2]
        self.summary = nn.Parameter(torch.empty(1, 1, width))
        self.places = nn.Parameter(torch.empty(places + 1, width))
        for learnt in (self.summary, self.places):
            nn.init.normal_(learnt, std=width**-0.5)
        self.transformer = Transformer(
            width,
            layers=settings.layers,
            heads=settings.heads,
            dropout=settings.dropout,
            std=width**-0.5,
        )
        self.head = nn.Linear(width, classes)

    def forward(
        self, x: Float[Tensor, "b 1 z y x"], positions: Int[Tensor, "b n"] | None = None
    ) -> Float32[Tensor, "b k"]:
        """Return the logits."""
        return self.decide(self.encode(x), positions)

    def encode(self, x: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b n f"]:
        """Return a token for each cell of the grid."""
        check_patch(x, self.divisor)
        cells: Any = self.backbone.encode(x)
        size = tuple(n // cell for n, cell in zip(cells.shape[2:], self.grid, strict=True))
        if max(size) > 1:
            cells = nn.functional.avg_pool3d(cells, size)
        return cells.flatten(2).transpose(1, 2)

    def decide(
        self, tokens: Float[Tensor, "b n f"], positions: Int[Tensor, "b n"] | None = None
    ) -> Float32[Tensor, "b k"]:
        """Return the logits of tokens that stand at given places."""
        where = self.places[None] if positions is None else self.places[with_last(positions)]
        summary = self.summary.expand(len(tokens), 1, -1)
        mixed = self.transformer(torch.cat([tokens.float(), summary], dim=1), where)
        return self.head(mixed[:, -1]).float()


def build(settings: Settings, classes: int) -> nn.Module:
    """Build the classifier with random weights."""
    return TransformerHead(settings, classes)
