"""The puzzle: an answer where picture and positions fit together, none where they do not.

A crop is cut into pieces, and these are put into another order; the positions its tokens are told
can be shuffled the same way. Of the four combinations two fit: normal picture with normal positions
(``nn``), and shuffled picture with shuffled positions (``ss``), in which each piece is told where
it came from. Both must name the class. The two that do not fit (``ns``, ``sn``: picture first) must
leave all classes alike likely. So the classifier has to use where things lie, and not only what
they are (a puzzle objective of the SpatialOrg project, published as code for photographs):

    loss = a CE(nn) + a CE(ss) + b H(u, ns) + b H(u, sn),   H(u, q) = -1/K sum_k log q_k

``H(u, q)`` is ``KL(u || q) + log K``: the same slopes, and never below ``log K``.

Shuffled pictures have seams, and so other statistics than normal ones. Batch norms never see both
at once: each kind goes through the backbone by itself, and shuffled pictures are always normalised
by their own batch, in validation too, and leave no trace in the averages that normal crops are
normalised with in use. The head has no batch norm, so it may see all four.

Each order is a function of the seed and the crop's key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax
from torch.nn.modules.batchnorm import _BatchNorm

from tomoscout.core.settings import Settings as BaseSettings
from tomoscout.lessons._accuracy import accuracy
from tomoscout.ops.puzzle import draw_orders, draw_turns, shuffle, turn

NEEDS_POSITIONS = True

TERMS = ("accuracy", "accuracy_shuffled", "nn", "ss", "ns", "sn")


class Settings(BaseSettings):
    """What can be set about the puzzle; also published with 0.5 and 0.05."""

    a: float = Field(default=0.4, ge=0)
    """Weight of each combination that fits."""
    b: float = Field(default=0.1, ge=0)
    """Weight of each that does not."""
    rotate: float = Field(default=0.0, ge=0, le=1)
    """Chance that a crop makes one, two or three quarter turns before it is cut into pieces."""


class Puzzle(nn.Module):
    """Four looks at each crop.

    Parameters
    ----------
    settings
        Weights, and turns.
    seed
        Source of the orders, together with the keys.
    """

    def __init__(self, settings: Settings, seed: int) -> None:
        super().__init__()
        self.settings = settings
        self.seed = seed

    def forward(
        self,
        classifier: Any,
        crops: Float[Tensor, "b 1 z y x"],
        labels: Int[Tensor, " b"],
        keys: Int[Tensor, "b n"],
    ) -> dict[str, Tensor]:
        """Return the loss, its four terms, and how often those that fit are right."""
        grid = classifier.grid
        order = draw_orders(keys, grid[0] * grid[1] * grid[2], seed=self.seed)
        turns = draw_turns(keys, chance=self.settings.rotate, seed=self.seed)
        pieces = shuffle(turn(crops, turns) if turns.any() else crops, order, grid)
        normal = classifier.encode(crops)
        with own_statistics(classifier):
            shuffled = classifier.encode(pieces)
        both, moved = classifier.decide(normal), classifier.decide(shuffled, order)
        terms = {
            "nn": cross_entropy(both, labels),
            "ss": cross_entropy(moved, labels),
            "ns": from_uniform(classifier.decide(normal, order)),
            "sn": from_uniform(classifier.decide(shuffled)),
        }
        fit, misfit = terms["nn"] + terms["ss"], terms["ns"] + terms["sn"]
        return {
            "loss": self.settings.a * fit + self.settings.b * misfit,
            "accuracy": accuracy(both, labels),
            "accuracy_shuffled": accuracy(moved, labels),
            **terms,
        }


def from_uniform(logits: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """Return the mean cross entropy of an answer against all classes alike likely."""
    return -log_softmax(logits, dim=1).mean()


@contextmanager
def own_statistics(network: nn.Module) -> Iterator[None]:
    """While it lasts, let batch norms go by what they are given alone, and forget it."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    before = [(norm.training, norm.track_running_stats) for norm in norms]
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for norm, (training, tracked) in zip(norms, before, strict=True):
            norm.training, norm.track_running_stats = training, tracked


def build(settings: Settings, *, seed: int) -> nn.Module:
    """Build the lesson."""
    return Puzzle(settings, seed)
