"""Supervised contrast: views of crops with the same label are positives, all others negatives.

Choose it where some particles are labelled. A label of 0, background, is a label like any other; a
crop whose label is below 0 has only its own other view as a positive, as in ``nt_xent``, which this
is when no two labels are the same. Each positive's surprise is averaged outside the logarithm, the
better of the two published forms. Khosla et al., 2020, arXiv:2004.11362.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.objectives._pairs import (
    full_precision,
    left_out,
    log_shares,
    twins,
    unit_rows,
    watch_pairs,
)

NEEDS_LABELS = True


class Settings(BaseSettings):
    """What can be set about supervised contrast."""

    temperature: float = Field(default=0.1, gt=0)
    """What cosines are divided by."""


def build(settings: Settings, *, projection: int) -> nn.Module:
    """Build the objective."""
    return Supervised(settings)


class Supervised(nn.Module):
    """Cross entropy of finding the views with the same label.

    Parameters
    ----------
    settings
        Temperature.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def forward(
        self,
        a: Float[Tensor, "n p"],
        b: Float[Tensor, "n p"],
        *,
        conflict: Bool[Tensor, "2*n 2*n"] | None = None,
        labels: Int[Tensor, " n"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean over all views of the mean over their positives.

        Raises
        ------
        UserError
            If there are no labels.
        """
        if labels is None:
            raise UserError(
                "the objective 'supervised' learns from labels, and there are none: "
                "train on runs with picks, or choose nt_xent"
            )
        with full_precision(a):
            rows = unit_rows(a, b)
            label = torch.cat([labels, labels])
            same = (label[:, None] == label) & (label >= 0)
            same.fill_diagonal_(False)
            positive = same | twins(rows)
            out = left_out(positive, conflict)
            log_share = log_shares(rows @ rows.T, out, temperature=self.settings.temperature)
            # Where nothing is positive the logarithm may be infinite, and 0 times it no number.
            found = torch.where(positive, log_share, 0).sum(dim=1)
            return -(found / positive.sum(dim=1)).mean()

    def watch(self, a: Float[Tensor, "n p"], b: Float[Tensor, "n p"]) -> dict[str, float]:
        """Return what every objective watches; without labels, a negative is any other crop."""
        return watch_pairs(a, b)
