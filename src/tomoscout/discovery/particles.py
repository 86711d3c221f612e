"""Which clusters of crops are particles, decided without a label.

Crops of a grid cover the ground between particles far more often than particles, so "the larger
cluster" or "the tighter cluster" says little by itself. What is known beforehand is that protein is
dark. The rule, in order:

1. *Population.* A cluster with next to no crops is gold, dirt or a crack; one with most of them is
   the ground. Neither is a particle.
2. *Compactness.* A cluster whose members are as far from its centre as all crops are from theirs is
   what k-means had left over, however dark; it is none either.
3. *Darkness.* The clusters that are left are sorted by how dark the middles of their crops are
   against their surroundings (``darkness``), and cut in two where that explains most of the
   differences in darkness (Otsu's criterion on the clusters' means, weighted by their crops). The
   dark side is kept, if it holds no more crops than particles may; else less of it.

Darkness enters as its inverse hyperbolic sine: like itself near 0, like a logarithm far out, so
that gold, ten times as dark as protein, does not become the yardstick. Where no cut is allowed, as
with two clusters of which the darker is the larger, or holds whatever is unusual, the darkest that
is not rare is kept: there is always an answer, and its figures tell how much it is worth. What is
as dark and as alike as protein, the edge of a carbon film above all, no such rule tells apart: look
at the crops.

Otsu, 1979, doi:10.1109/TSMC.1979.4310076.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field
from scipy.stats import rankdata

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings
from tomoscout.discovery.darkness import standardised


class ParticleRule(Settings):
    """What a cluster of particles may look like."""

    fewest: float = Field(default=0.002, ge=0, lt=1)
    """Share of all crops that a cluster has at least."""
    most: float = Field(default=0.5, gt=0, le=1)
    """Share of all crops that clusters of particles have together, at most."""


@dataclass(frozen=True)
class Figures:
    """What the rule knows of a cluster.

    Attributes
    ----------
    cluster
        Its number.
    size
        Crops in it.
    share
        The same as a share of all crops.
    darkness
        Mean of its crops' darkness, squashed, in robust standard deviations of all crops.
    darker_than
        Chance that a crop of it is darker than one of another cluster: 0.5 if it is like them.
    compactness
        1 if all its crops are the same, 0 if they differ as much as crops do.
    verdict
        ``particle``, ``ground``, ``rare``, ``common`` or ``loose``.
    """

    cluster: int
    size: int
    share: float
    darkness: float
    darker_than: float
    compactness: float
    verdict: str


@dataclass(frozen=True)
class Ranking:
    """Clusters, the likeliest particles first.

    Attributes
    ----------
    figures
        One for each cluster.
    """

    figures: tuple[Figures, ...]

    @property
    def kept(self) -> tuple[int, ...]:
        """Numbers of the clusters that are particles, the darkest first."""
        return tuple(one.cluster for one in self.figures if one.verdict == "particle")

    def facts(self) -> list[dict[str, Any]]:
        """Return the figures as plain values, for a file."""
        return [asdict(one) for one in self.figures]


def rank_clusters(
    vectors: Float[np.ndarray, "n f"],
    labels: Int[np.ndarray, " n"],
    darkness: Float[np.ndarray, " n"],
    *,
    rule: ParticleRule | None = None,
) -> Ranking:
    """Say which clusters are particles; see above for how.

    Parameters
    ----------
    vectors
        One embedding a row, of all crops.
    labels
        The crops' clusters; below 0 for none.
    darkness
        How much darker each crop's middle is than its surroundings, in any unit.
    rule
        Limits of the population.

    Raises
    ------
    UserError
        If there are fewer than two clusters to choose from.
    """
    rule = rule or ParticleRule()
    names = np.unique(labels[labels >= 0])
    if len(names) + bool((labels < 0).any()) < 2:
        raise UserError(
            "all crops are in one cluster: nothing tells particles from ground; ask for more"
        )
    squashed = np.arcsinh(standardised(darkness)).astype(np.float64)
    ranks = rankdata(darkness)
    spread = _spread(vectors)
    found = [
        _figures(int(name), labels == name, vectors, squashed, ranks, spread, rule)
        for name in names
    ]
    kept = _dark_side(found, float(squashed.mean()), rule.most)
    told = [
        Figures(**{**asdict(one), "verdict": "particle"}) if one.cluster in kept else one
        for one in found
    ]
    order = {"particle": 0, "ground": 1}
    return Ranking(tuple(sorted(told, key=lambda f: (order.get(f.verdict, 2), -f.darkness))))


def _figures(
    cluster: int,
    mine: np.ndarray,
    vectors: Float[np.ndarray, "n f"],
    squashed: Float[np.ndarray, " n"],
    ranks: Float[np.ndarray, " n"],
    spread: float,
    rule: ParticleRule,
) -> Figures:
    """Measure one cluster; no verdict on its darkness yet."""
    size, others = int(mine.sum()), int((~mine).sum())
    share = size / len(mine)
    compactness = 1 - _spread(vectors[mine]) / spread if spread else 0.0
    verdict = "ground"
    if share < rule.fewest:
        verdict = "rare"
    elif share > rule.most:
        verdict = "common"
    elif compactness <= 0:
        verdict = "loose"
    # Mann and Whitney's statistic: pairs of a member and another crop of which it is the darker.
    pairs = float(ranks[mine].sum()) - size * (size + 1) / 2
    return Figures(
        cluster=cluster,
        size=size,
        share=share,
        darkness=float(squashed[mine].mean()),
        darker_than=pairs / (size * others) if others else 0.5,
        compactness=compactness,
        verdict=verdict,
    )


def _dark_side(found: list[Figures], mean: float, most: float) -> set[int]:
    """Choose the clusters that are darker than the rest, as the rule has it."""
    able = sorted((f for f in found if f.verdict == "ground"), key=lambda f: -f.darkness)
    best, kept = 0.0, 0
    share = total = 0.0
    for count, one in enumerate(able, start=1):
        share += one.share
        total += one.share * one.darkness
        if share > most or share >= 1:
            break
        gap = total / share - (mean - total) / (1 - share)
        if gap > 0 and share * (1 - share) * gap**2 > best:
            best, kept = share * (1 - share) * gap**2, count
    if kept:
        return {one.cluster for one in able[:kept]}
    sound = [f for f in found if f.verdict != "rare"] or found
    return {max(sound, key=lambda f: f.darkness).cluster}


def _spread(vectors: Float[np.ndarray, "n f"]) -> float:
    """Mean square distance of embeddings from their mean."""
    return float(np.var(vectors, axis=0, dtype=np.float64).sum())
