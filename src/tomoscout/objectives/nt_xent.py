"""NT-Xent: of all views in a batch, pick out the other view of the same crop (SimCLR).

Each view asks which of the `2n - 1` others shows its own crop; the loss is the cross entropy of the
answer, made of cosines divided by a temperature. Choose it first: it needs no labels and cannot
collapse. It wants many crops per batch, from many tomograms. Chen et al., 2020, arXiv:2002.05709.

In tomograms two crops often show the same kind of particle, and then should not be pushed apart.
There are three remedies, and any may be combined. Crops marked in ``conflict`` are no negatives.
With ``quantile`` neither are views that are more alike than most: those above a running quantile of
the negatives' cosines. With ``neighbours`` a view is replaced by the nearest one from earlier
batches before it looks for its twin, so that other crops of its kind become positives (Dwibedi et
al., 2021, arXiv:2104.14548; negatives are those of NT-Xent, of both views). They are our reading of
a "PPG" that the source of this method names and does not explain: positive-pair generation.

That source also clamps cosines at 1e-7, so that negatives that point away have no slope and all
look alike. By default nothing is clamped; ``clamp`` is for comparisons with it.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.objectives._pairs import (
    full_precision,
    left_out,
    log_shares,
    twins,
    unit_rows,
    watch_pairs,
)


class Settings(BaseSettings):
    """What can be set about NT-Xent."""

    temperature: float = Field(default=0.5, gt=0)
    """What cosines are divided by; low ones look at the hardest negatives only."""
    clamp: float | None = Field(default=None, gt=-1, lt=1)
    """Cosines below this, of positives too, are taken for it and have no slope; None clamps none.
    """
    quantile: float | None = Field(default=None, gt=0, lt=1)
    """Negatives more alike than this share of them are left out; None keeps all."""
    memory: float = Field(default=0.9, ge=0, lt=1)
    """Share of the running quantile that a batch leaves as it was."""
    neighbours: bool = False
    """Whether views are replaced by their nearest neighbours from earlier batches."""
    queue: int = Field(default=4096, gt=0)
    """How many views of earlier batches are kept for that; until so many were seen, none is
    replaced."""


def build(settings: Settings, *, projection: int) -> nn.Module:
    """Build the objective."""
    return NTXent(settings, projection)


class NTXent(nn.Module):
    """Cross entropy of finding the other view of a crop.

    Parameters
    ----------
    settings
        Temperature, and what is done about crops that are alike.
    projection
        Numbers of one projection.
    """

    bound: Float[Tensor, ""]
    queue: Float[Tensor, "q p"]
    seen: Int[Tensor, ""]

    def __init__(self, settings: Settings, projection: int) -> None:
        super().__init__()
        self.settings = settings
        if settings.quantile is not None:
            self.register_buffer("bound", torch.tensor(torch.nan))
        if settings.neighbours:
            self.register_buffer("queue", torch.zeros(settings.queue, projection))
            self.register_buffer("seen", torch.tensor(0))

    def forward(
        self,
        a: Float[Tensor, "n p"],
        b: Float[Tensor, "n p"],
        *,
        conflict: Bool[Tensor, "2*n 2*n"] | None = None,
        labels: Int[Tensor, " n"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean over all views; labels are not looked at."""
        with full_precision(a):
            rows = unit_rows(a, b)
            positive = twins(rows)
            cosine = self._stand_ins(rows) @ rows.T
            out = left_out(positive, conflict)
            if self.settings.quantile is not None:
                out = out | (self._too_alike(cosine.detach(), out | positive) & ~positive)
            if self.settings.neighbours and self.training:
                self._remember(rows[: len(a)].detach())
            if self.settings.clamp is not None:
                cosine = cosine.clamp(min=self.settings.clamp)
            return -log_shares(cosine, out, temperature=self.settings.temperature)[positive].mean()

    @torch.no_grad()
    def watch(self, a: Float[Tensor, "n p"], b: Float[Tensor, "n p"]) -> dict[str, float]:
        """Return what every objective watches and, with a quantile, where it is."""
        watched = watch_pairs(a, b)
        if self.settings.quantile is not None:
            watched["quantile_cosine"] = float(self.bound.nan_to_num(1.0))  # 1: none is left out
        return watched

    def _too_alike(
        self, cosine: Float[Tensor, "m m"], settled: Bool[Tensor, "m m"]
    ) -> Bool[Tensor, "m m"]:
        """Mark cosines above the running quantile, which learns from those of negatives."""
        negatives = cosine[~settled]
        if self.training and len(negatives):
            rank = max(1, math.ceil((self.settings.quantile or 0.0) * len(negatives)))
            # torch.quantile refuses more than 2**24 values: batches of 2048 crops.
            here = negatives.kthvalue(rank).values.to(self.bound.dtype)
            moved = torch.lerp(here, self.bound, self.settings.memory)
            self.bound.copy_(torch.where(self.bound.isnan(), here, moved))
        return cosine > self.bound  # of NaN, before the first batch, none is

    def _stand_ins(self, rows: Float[Tensor, "m p"]) -> Float[Tensor, "m p"]:
        """Replace each view by the nearest one in the queue, once that is full."""
        if not self.settings.neighbours or int(self.seen) < len(self.queue):
            return rows
        queue = self.queue.to(rows.dtype)
        return queue[(rows.detach() @ queue.T).argmax(dim=1)]

    def _remember(self, rows: Float[Tensor, "n p"]) -> None:
        """Put views into the queue, over the oldest ones."""
        kept = rows[-len(self.queue) :]
        places = torch.arange(len(kept), device=rows.device) + self.seen
        self.queue[places % len(self.queue)] = kept.to(self.queue.dtype)
        self.seen += len(kept)
