"""Puzzles: crops cut into equal pieces and put together in another order, and back.

An order says, for each new place, which old piece goes there: place ``p`` gets piece ``order[p]``.
Pieces are counted along x first, then y, then z, as the cells of a map are when it is flattened; so
the same order shuffles the positions that tokens are told they stand at. Orders are functions of a
seed and a key alone: a training that goes on draws those it would have drawn, and what is
validated is always the same.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from tomoscout.core.geometry import Shape

Order = Int[Tensor, "b n"]


def cut_up(x: Shaped[Tensor, "b c z y x"], grid: Shape) -> Shaped[Tensor, "b n c u v w"]:
    """Cut crops into pieces.

    Parameters
    ----------
    x
        Crops whose edges are multiples of the grid; planes are crops of one voxel along z.
    grid
        Pieces along (z, y, x).

    Raises
    ------
    ValueError
        If an edge is no multiple.
    """
    shape = tuple(x.shape[2:])
    if any(n % pieces for n, pieces in zip(shape, grid, strict=True)):
        raise ValueError(f"crop {shape} does not fall into {grid} equal pieces (z, y, x)")
    (b, c), (i, j, k) = x.shape[:2], grid
    u, v, w = (n // pieces for n, pieces in zip(shape, grid, strict=True))
    split = x.reshape(b, c, i, u, j, v, k, w)
    return split.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(b, i * j * k, c, u, v, w)


def put_together(pieces: Shaped[Tensor, "b n c u v w"], grid: Shape) -> Shaped[Tensor, "b c z y x"]:
    """Return the crops that `cut_up` has cut."""
    b, _, c, u, v, w = pieces.shape
    i, j, k = grid
    split = pieces.reshape(b, i, j, k, c, u, v, w)
    return split.permute(0, 4, 1, 5, 2, 6, 3, 7).reshape(b, c, i * u, j * v, k * w)


def shuffle(
    x: Shaped[Tensor, "b c z y x"], order: Order, grid: Shape
) -> Shaped[Tensor, "b c z y x"]:
    """Put the pieces of each crop into an order of its own; `invert` gives the order back.

    Parameters
    ----------
    x
        Crops whose edges are multiples of the grid.
    order
        Which old piece each new place gets.
    grid
        Pieces along (z, y, x).
    """
    pieces = cut_up(x, grid)
    return put_together(torch.take_along_dim(pieces, order[:, :, None, None, None, None], 1), grid)


def invert(order: Order) -> Order:
    """Return the order that undoes another."""
    return order.argsort(dim=1)


def with_last(order: Order) -> Int[Tensor, "b n_and_one"]:
    """Add a last place that keeps its own, such as that of the token for the whole crop."""
    return torch.nn.functional.pad(order, (0, 1), value=order.shape[1])


def draw_orders(keys: Int[Tensor, "b k"], pieces: int, *, seed: int) -> Order:
    """Draw an order for each crop.

    Parameters
    ----------
    keys
        What tells crops apart, such as (epoch, index); none below 0.
    pieces
        How many pieces each is cut into.
    seed
        Source of all randomness, together with the keys.
    """
    drawn = [_rng(seed, key, 0).permutation(pieces) for key in keys.tolist()]
    return torch.from_numpy(np.array(drawn).reshape(len(drawn), pieces)).to(keys.device)


def draw_turns(keys: Int[Tensor, "b k"], *, chance: float, seed: int) -> Int[Tensor, " b"]:
    """Draw how many quarter turns each crop makes: none, or with some chance one, two or three."""
    drawn = []
    for key in keys.tolist():
        rng = _rng(seed, key, 1)
        drawn.append(int(rng.integers(1, 4)) if rng.random() < chance else 0)
    return torch.tensor(drawn, device=keys.device, dtype=torch.int64)


def turn(x: Float[Tensor, "b c z y x"], turns: Int[Tensor, " b"]) -> Float[Tensor, "b c z y x"]:
    """Make quarter turns about z, from y towards x; crops must be as long along y as along x."""
    turned = [
        torch.rot90(one, count, (-2, -1)) for one, count in zip(x, turns.tolist(), strict=True)
    ]
    return torch.stack(turned)


def _rng(seed: int, key: list[int], stream: int) -> np.random.Generator:
    """Return random numbers for one crop and one use of them."""
    return np.random.default_rng([seed, *key, stream])
