"""A transformer on blocks of voxels: every block sees every other, whatever the distance.

The patch is cut into tokens of 6 x 6 x 6 voxels, a transformer lets them attend to one another,
and a light head says for each of the token's sub-blocks which object is there: 3 x 3 x 3 of them
by default, so the score map has stride 2 and picks are sharp. With ``refine: 1`` there is one
answer per token, as in the Kaggle entry this network comes from (Fayol Ateufack, 2025, CZII
challenge). It has no built-in idea of locality and learns by heart sooner than others: pretrain it
on simulated masks (recipe ``token-pretrain``). Attention costs the square of a patch's tokens, so
whole tomograms go through in tiles of the patch it was built for. Dosovitskiy et al., 2021,
arXiv:2010.11929.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.models._attention import Positions, Transformer
from tomoscout.models._blocks import check_patch
from tomoscout.models._tokenizers import cnn_tokenizer, linear_tokenizer
from tomoscout.ops.rarity import start_rare


class Settings(BaseSettings):
    """What can be set about the network."""

    tokenizer: Literal["linear", "cnn"] = "linear"
    """``linear`` maps each block of voxels at once; ``cnn`` looks at the voxels first, which costs
    hundreds of times as much, and makes tokens twice as wide."""
    token_width: int = Field(default=6, ge=1)
    """Voxels of a block's edge; the tokens of ``cnn`` have twice as many."""
    patch: Shape = (96, 96, 96)
    """Voxels (z, y, x) of the patch that positions are learnt for; they are interpolated for
    others. Tomograms are cut into tiles of it."""
    layers: int = Field(default=6, ge=1)
    """Transformer blocks."""
    heads: int = Field(default=4, ge=1)
    """Attention heads of each block."""
    width: int = Field(default=128, ge=2)
    """Length of a token's vector; a multiple of ``heads``."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of attention and of activations dropped while training."""
    refine: int = Field(default=3, ge=1)
    """Sub-blocks along each edge of a token that get logits of their own; 1 answers per token."""
    summarizer: bool = False
    """Add a token that stands for the whole patch, and a head that projects it for contrastive
    learning."""
    embedding: int = Field(default=128, ge=1)
    """Length of that projection."""

    @property
    def edge(self) -> int:
        """Voxels of a token along each axis."""
        return self.token_width * (2 if self.tokenizer == "cnn" else 1)

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.width % self.heads:
            raise ValueError(
                f"width {self.width} cannot be shared by {self.heads} heads: use a multiple"
            )
        if self.edge % self.refine:
            raise ValueError(
                f"refine {self.refine} does not divide tokens of {self.edge} voxels: use one of "
                + ", ".join(str(n) for n in range(1, self.edge + 1) if self.edge % n == 0)
            )
        if any(n < 1 or n % self.edge for n in self.patch):
            raise ValueError(
                f"patch {self.patch}: every edge must be a multiple of {self.edge} voxels"
            )
        return self


class TokenTransformer(nn.Module):
    """Tokens, transformer, head: `(b, c, z, y, x)` -> one map of logits.

    Attributes
    ----------
    tile
        Voxels of the patch it is made for; tomograms are cut into tiles of this shape.
    """

    def __init__(self, settings: Settings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        edge, width = settings.edge, settings.width
        z, y, x = (n // edge for n in settings.patch)
        self.strides: tuple[int, ...] = (edge // settings.refine,)
        self.divisor: Shape = (edge, edge, edge)
        self.tile: Shape = settings.patch
        self.width = width
        make = cnn_tokenizer if settings.tokenizer == "cnn" else linear_tokenizer
        self.tokenizer = make(in_channels, width, edge=edge)
        self.positions = Positions(width, (z, y, x))
        self.transformer = Transformer(
            width, layers=settings.layers, heads=settings.heads, dropout=settings.dropout
        )
        inner = width if settings.refine == 1 else max(width // 4, 8)
        self.refine = _refinement(width, inner, settings.refine)
        self.head = nn.Conv3d(inner, out_channels, 1)
        start_rare(self.head)
        self.has_summarizer = settings.summarizer
        if settings.summarizer:
            self.summarizer = nn.Parameter(torch.empty(1, 1, width).normal_(std=0.02))
            self.projection = nn.Sequential(
                nn.Linear(width, width), nn.ReLU(), nn.Linear(width, settings.embedding)
            )

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the logits, as the only item of a tuple; a summarizer, if any, takes part."""
        return self.segment(x, summarizer=self.has_summarizer)

    def segment(self, x: Float[Tensor, "b c z y x"], *, summarizer: bool) -> tuple[Tensor]:
        """Return the logits, with or without the summarizer among the tokens."""
        return (self.head(self.refine(self._map(x, summarizer))),)

    def encode(self, x: Float[Tensor, "b c z y x"]) -> Float[Tensor, "b w u v t"]:
        """Return the tokens behind the transformer; a summarizer, if any, takes part."""
        return self._map(x, self.has_summarizer)

    def summarise(self, x: Float[Tensor, "b c z y x"]) -> Float[Tensor, "b w"]:
        """Return what the summarizer makes of each patch.

        Raises
        ------
        UserError
            If the network has no summarizer.
        """
        tokens, _ = self._encode(x, summarizer=True)
        return tokens[:, 0]

    def embed(self, x: Float[Tensor, "b c z y x"]) -> Float[Tensor, "b e"]:
        """Return that vector projected for contrastive learning; raises as `summarise` does."""
        summary = self.summarise(x)  # first: without a summarizer there is no projection either
        return self.projection(summary)

    def _map(self, x: Tensor, summarizer: bool) -> Tensor:
        """Return the tokens behind the transformer as a map `(b, width, u, v, w)`."""
        tokens, grid = self._encode(x, summarizer)
        tokens = tokens[:, 1:] if summarizer else tokens
        b, _, c = tokens.shape
        return tokens.transpose(1, 2).reshape(b, c, *grid)

    def _encode(self, x: Tensor, summarizer: bool) -> tuple[Tensor, Shape]:
        """Return the tokens `(b, n, c)` behind the transformer, and their grid."""
        check_patch(x, self.divisor)
        if summarizer and not self.has_summarizer:
            raise UserError("token_transformer: no summarizer: build it with summarizer: true")
        x = self.tokenizer(x).float()  # sums over layers lose too much in bf16
        z, y, x_ = (int(n) for n in x.shape[2:])
        tokens = (x + self.positions((z, y, x_))).flatten(2).transpose(1, 2)
        if summarizer:
            tokens = torch.cat([self.summarizer.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        return self.transformer(tokens), (z, y, x_)


def _refinement(width: int, inner: int, refine: int) -> nn.Module:
    """Give each sub-block of a token features of its own, from the token's vector alone."""
    if refine == 1:
        return nn.Identity()
    return nn.Sequential(nn.ConvTranspose3d(width, inner, refine, stride=refine), nn.GELU())


def build(settings: Settings, in_channels: int, out_channels: int) -> nn.Module:
    """Build the network with random weights."""
    return TokenTransformer(settings, in_channels, out_channels)
