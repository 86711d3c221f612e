"""A transformer on blocks of voxels with one token more, whose vector stands for the whole crop.

The network is the detector ``token_transformer`` with its summarizer, and stands whole in
``detector``: its state dict there is that of a file of weights whose head is as fresh as it was
built. The projection is the detector's own, linear, ReLU, linear, as in the Kaggle entry it comes
from (Fayol Ateufack, 2025, CZII challenge), where this objective was written but never trained.
Choose it to pretrain that detector; on small crops convolutions learn faster.
"""

from __future__ import annotations

from typing import Literal, cast

from jaxtyping import Float, Float32
from torch import Tensor, nn

from tomoscout.core.geometry import Shape
from tomoscout.models import token_transformer


class Settings(token_transformer.Settings):
    """What can be set about the encoder: the same as about the detector."""

    patch: Shape = (36, 36, 36)
    """Voxels (z, y, x) of the crop that positions are learnt for; they are interpolated for
    others."""
    summarizer: Literal[True] = True
    """The token that stands for the whole crop."""


class TokenSummary(nn.Module):
    """What the summarizer makes of each crop: `(b, 1, z, y, x)` -> `(b, features)`."""

    flat = False

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.detector = cast(
            "token_transformer.TokenTransformer", token_transformer.build(settings, 1, 1)
        )
        self.features, self.projection = settings.width, settings.embedding
        self.divisor: Shape = self.detector.divisor
        for unused in (self.detector.refine, self.detector.head):
            unused.requires_grad_(False)

    def forward(self, x: Float[Tensor, "b 1 z y x"]) -> Float32[Tensor, "b f"]:
        """Return the features."""
        return self.detector.summarise(x).float()

    def project(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b p"]:
        """Return the projections."""
        return self.detector.projection(features)


def build(settings: Settings) -> nn.Module:
    """Build the encoder with random weights."""
    return TokenSummary(settings)
