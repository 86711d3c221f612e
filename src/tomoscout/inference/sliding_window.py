"""Whole tomograms through a network, tile by tile, in a stream of finished slabs.

Tiles overlap and are blended with weights that sum to one (``ops.tiles``), at the network's
own stride: nothing is computed or stored at full resolution that the network does not give. Only
one row of tiles is held at a time, so memory depends on a slab and not on the tomogram. While the
network computes a tile, the next one is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32
from torch import Tensor

from tomoscout.core.activation import Activation
from tomoscout.core.geometry import Geometry, Shape
from tomoscout.core.parameters import Average
from tomoscout.core.volume import Volume
from tomoscout.inference.backends import BACKENDS
from tomoscout.inference.test_time import Answer, networks_for
from tomoscout.inference.tiling import Tiling, WindowSettings, plan_tiles
from tomoscout.models import Network
from tomoscout.ops.normalise import Normaliser
from tomoscout.ops.precision import autocast
from tomoscout.ops.tiles import AxisTile

__all__ = ["Progress", "Slab", "Tiling", "WindowSettings", "plan_tiles", "stream_scores"]

Progress = Callable[[float], None]
Place = tuple[AxisTile, AxisTile, AxisTile]

_PLANES = 32  # of a slab at most: as many as score stores have in a chunk


@dataclass(frozen=True)
class Slab:
    """Finished planes of a score map.

    Attributes
    ----------
    start
        First cell along z.
    scores
        `(object, z, y, x)` probabilities.
    """

    start: int
    scores: Float16[np.ndarray, "o z y x"]


def stream_scores(
    volume: Volume,
    network: Network,
    normaliser: Normaliser,
    *,
    activation: Activation,
    tiling: Tiling,
    tta: str = "none",
    average: Average = "probabilities",
    backend: str = "torch",
    first: int = 0,
    device: torch.device | None = None,
    bf16: bool = True,
    progress: Progress | None = None,
) -> Iterator[Slab]:
    """Yield the score map from top to bottom, each part once no later tile can change it.

    Parameters
    ----------
    volume
        Tomogram, in memory or on disk; each tile is read once, just before its turn comes.
    network
        Keeps the contract of ``models``; its finest output is used.
    normaliser
        The tomogram's measured scale.
    activation
        ``softmax`` drops channel 0 (background); ``sigmoid`` keeps all channels.
    tiling
        From ``plan_tiles``, for the same network.
    tta, average
        Views that each tile is looked at from, and what is averaged over them.
    backend
        What runs the network.
    first
        Plane of cells to begin with, where a stopped prediction goes on: what lies before is
        neither computed nor yielded, save tiles that reach beyond it, and what lies behind is the
        same to the last bit.
    device, bf16
        Where and how to compute; bf16 only where it is fast.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the network cannot take a view of the tiles, or there is no such backend.
    """
    device = device or torch.device("cpu")
    stride = network.strides[0]
    cells = Geometry(volume.shape, volume.voxel_spacing, stride).cells
    prepare = _prepared(network, backend, device, bf16)
    networks = networks_for(tiling.tile, divisor=network.divisor, tta=tta, prepare=prepare)
    answer = Answer(networks, activation, tta, average)
    rows = [z for z in tiling.axes[0] if z.start // stride + z.weights.size > first]
    places = list(product(rows, *tiling.axes[1:]))
    pending: Float[Tensor, "o z y x"] | None = None
    top = first
    for done, (place, block) in enumerate(_read_ahead(volume, tiling.tile, places, normaliser), 1):
        with torch.inference_mode():
            with autocast(device, bf16):
                scores = answer(torch.from_numpy(block)[None, None].to(device))
            if pending is None:
                deepest = max(z.weights.size for z in rows)
                pending = scores.new_zeros((len(scores), deepest, *cells[1:]))
            _blend(pending, scores, place, stride, top)
        if progress:
            progress(done / len(places))
        following = places[done][0] if done < len(places) else None
        if following is place[0]:
            continue
        ready = cells[0] if following is None else max(following.start // stride, top)
        for start in range(top, ready, _PLANES):  # the row is complete
            part = pending[:, start - top : min(start + _PLANES, ready) - top]
            yield Slab(start, part.half().cpu().numpy())
        if following is not None:
            _advance(pending, ready - top)
        top = ready


def _prepared(
    network: Network, backend: str, device: torch.device, bf16: bool
) -> Callable[[Shape], Network]:
    """Return what gives the network, ready for tiles of a shape."""
    network = network.to(device).eval()
    if backend == "torch":  # as it is: making it ready costs more than one tomogram gains by it
        return lambda tile: network
    prepare = BACKENDS[backend].prepare
    return lambda tile: prepare(network, tile=tile, device=device, bf16=bf16)


def _read_ahead(
    volume: Volume, tile: Shape, places: list[Place], normaliser: Normaliser
) -> Iterator[tuple[Place, Float32[np.ndarray, "z y x"]]]:
    """Read the tiles in turn, each while the one before is in use."""
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(_read, volume, tile, at, normaliser) for at in places[:1])
        for done, place in enumerate(places, 1):
            block = waiting.popleft().result()
            waiting.extend(
                pool.submit(_read, volume, tile, at, normaliser) for at in places[done : done + 1]
            )
            yield place, block


def _read(
    volume: Volume, tile: Shape, at: Place, normaliser: Normaliser
) -> Float32[np.ndarray, "z y x"]:
    """Read and normalise one tile; where it hangs over the edge it is mirrored."""
    region = tuple(
        slice(axis.start, min(axis.start + n, length))
        for axis, n, length in zip(at, tile, volume.shape, strict=True)
    )
    block = normaliser.apply(volume.read(*region))
    missing = [(0, n - have) for n, have in zip(tile, block.shape, strict=True)]
    if any(after for _, after in missing):
        block = np.pad(block, missing, mode="symmetric")
    return block


def _blend(
    pending: Float[Tensor, "o z y x"],
    scores: Float[Tensor, "o u v w"],
    at: Place,
    stride: int,
    top: int,
) -> None:
    """Add one tile, weighted, to the planes that are not finished yet; ``top`` is their first."""
    z, y, x = (torch.from_numpy(axis.weights).to(scores.device) for axis in at)
    z0, y0, x0 = (axis.start // stride for axis in at)
    skip = max(top - z0, 0)  # planes that a stopped prediction has finished
    z, scores = z[skip:], scores[:, skip : len(z), : len(y), : len(x)]
    weights = z[:, None, None] * y[:, None] * x
    below = z0 + skip - top
    part = pending[:, below : below + len(z), y0 : y0 + len(y), x0 : x0 + len(x)]
    # Not fused: how a fused sum is rounded depends on where in a loop a cell stands.
    part += scores * weights


@torch.inference_mode()
def _advance(pending: Float[Tensor, "o z y x"], planes: int) -> None:
    """Forget finished planes: move the others to the front."""
    rest = pending.shape[1] - planes
    for plane in range(rest):  # one by one, since they may overlap with where they go
        pending[:, plane] = pending[:, plane + planes]
    pending[:, rest:] = 0
