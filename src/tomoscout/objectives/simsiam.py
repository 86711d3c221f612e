"""SimSiam: predict the other view's projection from this view's, without any negatives.

A small network maps one projection onto the other, whose own slope is stopped; that alone keeps
all crops from being mapped onto one point. Choose it where batches must be small, or where most
crops show the same kind of particle and negatives do harm. Nothing in the loss tells a collapse
from success, both end at -1, so look at ``spread``: it must not fall towards 0. Give the encoder a
projection with batch norm. Chen and He, 2021, arXiv:2011.10566.

The predictor is the published one. Code that this family follows has others, which no training in
it uses: attention over a map of one cell, which is a linear layer under another name, and layers
whose weights are computed from the turn or flip between two views. The latter teach an encoder to
keep what an encoder of particles should forget.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.objectives._pairs import full_precision, unit_rows, watch_pairs


class Settings(BaseSettings):
    """What can be set about SimSiam."""

    bottleneck: float = Field(default=0.25, gt=0, le=1)
    """Width of the predictor's hidden layer, as a fraction of the projection's."""


def build(settings: Settings, *, projection: int) -> nn.Module:
    """Build the objective, predictor included."""
    return SimSiam(settings, projection)


class SimSiam(nn.Module):
    """Negative cosine between each view's prediction and the other view.

    Parameters
    ----------
    settings
        Width of the predictor.
    projection
        Numbers of one projection.
    """

    def __init__(self, settings: Settings, projection: int) -> None:
        super().__init__()
        hidden = max(1, round(settings.bottleneck * projection))
        self.predictor = nn.Sequential(
            nn.Linear(projection, hidden, bias=False),  # batch norm has one
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, projection),
        )

    def forward(
        self,
        a: Float[Tensor, "n p"],
        b: Float[Tensor, "n p"],
        *,
        conflict: Bool[Tensor, "2*n 2*n"] | None = None,
        labels: Int[Tensor, " n"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean over both views, -1 at best; there are no negatives to be in conflict."""
        with full_precision(a):
            first, second = unit_rows(a, b).to(next(self.parameters()).dtype).chunk(2)
            cosines = [
                functional.cosine_similarity(self.predictor(one), other.detach(), dim=1)
                for one, other in ((first, second), (second, first))
            ]
            return -torch.cat(cosines).mean()

    def watch(self, a: Float[Tensor, "n p"], b: Float[Tensor, "n p"]) -> dict[str, float]:
        """Return what every objective watches; a ``spread`` near 0 is a collapse."""
        return watch_pairs(a, b)
