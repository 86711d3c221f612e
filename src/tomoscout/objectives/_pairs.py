"""What objectives share: rows of unit length, which pairs count, and what there is to watch."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from tomoscout.core.errors import UserError


def full_precision(like: Tensor) -> AbstractContextManager[None]:
    """Leave autocast: cosines of bf16 are too coarse to be told apart at low temperatures."""
    return torch.autocast(like.device.type, enabled=False)


def unit_rows(a: Float[Tensor, "n p"], b: Float[Tensor, "n p"]) -> Float[Tensor, "m p"]:
    """Return the rows of ``a`` and then of ``b``, `m = 2n`, at unit length in full precision.

    Raises
    ------
    UserError
        If there are fewer than two crops.
    """
    if a.shape != b.shape:
        raise ValueError(f"two views of the same crops have one shape, got {a.shape} and {b.shape}")
    if len(a) < 2:
        raise UserError(f"a batch of at least 2 crops is needed to compare them, found {len(a)}")
    rows = torch.cat([a, b])
    return functional.normalize(rows if rows.dtype == torch.float64 else rows.float(), dim=1)


def twins(rows: Float[Tensor, "m p"]) -> Bool[Tensor, "m m"]:
    """Mark pairs of two views of one crop."""
    same = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    return same.roll(len(rows) // 2, dims=1)


def left_out(
    positive: Bool[Tensor, "m m"], conflict: Bool[Tensor, "m m"] | None
) -> Bool[Tensor, "m m"]:
    """Mark pairs that are neither positive nor negative: rows with themselves, and conflicts."""
    out = torch.eye(len(positive), dtype=torch.bool, device=positive.device)
    if conflict is not None:
        out = out | conflict
    return out & ~positive


def log_shares(
    cosine: Float[Tensor, "m m"], out: Bool[Tensor, "m m"], *, temperature: float
) -> Float[Tensor, "m m"]:
    """Return the logarithm of each pair's share among those of its row that count.

    A pair that is left out has the share 0, and no slope.
    """
    return (cosine / temperature).masked_fill(out, -torch.inf).log_softmax(dim=1)


@torch.no_grad()
def watch_pairs(a: Float[Tensor, "n p"], b: Float[Tensor, "n p"]) -> dict[str, float]:
    """Return what every objective watches; see the family's promise."""
    with full_precision(a):
        rows = unit_rows(a, b)
        twin = twins(rows)
        cosine = rows @ rows.T
        # The monitor of Chen and He, 2021, arXiv:2011.10566: 1 / sqrt(p) on an even sphere.
        spread = rows.std(dim=0, correction=0).mean() * rows.shape[1] ** 0.5
        return {
            "spread": float(spread),
            "positive_cosine": float(cosine[twin].mean()),
            "negative_cosine": float(cosine[~left_out(twin, None) & ~twin].mean()),
        }
