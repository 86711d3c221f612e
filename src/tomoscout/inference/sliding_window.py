"""Whole tomograms through a network, tile by tile, in a stream of finished slabs.

Tiles overlap and are blended with weights that sum to one (``ops.tiles``), at the network's
own stride: nothing is computed or stored at full resolution that the network does not give. Only
one row of tiles is held at a time, so memory depends on a slab and not on the tomogram.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float16, Float32

from tomoscout.core.activation import Activation
from tomoscout.core.geometry import Geometry, Shape
from tomoscout.core.settings import Settings
from tomoscout.core.volume import Volume
from tomoscout.models import Network
from tomoscout.ops.activations import probabilities
from tomoscout.ops.normalise import Normaliser
from tomoscout.ops.precision import autocast, to_half
from tomoscout.ops.tiles import AxisTile, Blend, axis_tiles, fit_tile

Progress = Callable[[float], None]


class WindowSettings(Settings):
    """How a tomogram is cut into tiles."""

    limit: Shape = (192, 192, 192)
    """Longest tile, in voxels; the tiles used are the ones within it that cover the tomogram with
    the least surplus. Smaller needs less memory; much larger falls out of the processor's cache."""
    overlap: int = 32
    """Voxels that neighbouring tiles share; half a patch of the network's sight is enough."""
    blend: Blend = "linear"
    """Shape of the blend over the overlap."""


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


@dataclass(frozen=True)
class Tiling:
    """Tiles of a tomogram: their shape in voxels and where they lie on each axis."""

    tile: Shape
    axes: tuple[list[AxisTile], list[AxisTile], list[AxisTile]]

    @property
    def count(self) -> int:
        """Tiles in all."""
        return int(np.prod([len(axis) for axis in self.axes]))


def plan_tiles(shape: Shape, *, network: Network, settings: WindowSettings | None = None) -> Tiling:
    """Cut a tomogram into the tiles that waste least within the settings' limits.

    A network that names a ``tile`` of its own gets that, on each axis where the limit allows.
    """
    settings = settings or WindowSettings()
    stride, divisor = network.strides[0], network.divisor
    own: Shape = getattr(network, "tile", (0, 0, 0))
    tile = [
        t if 0 < t <= limit else fit_tile(n, limit=limit, overlap=settings.overlap, divisor=d)
        for n, t, limit, d in zip(shape, own, settings.limit, divisor, strict=True)
    ]
    steps = [max(t - settings.overlap, d) for t, d in zip(tile, divisor, strict=True)]
    z, y, x = (
        axis_tiles(n, tile=t, step=step // stride * stride, stride=stride, blend=settings.blend)
        for n, t, step in zip(shape, tile, steps, strict=True)
    )
    return Tiling((tile[0], tile[1], tile[2]), (z, y, x))


def stream_scores(
    volume: Volume,
    network: Network,
    normaliser: Normaliser,
    *,
    activation: Activation,
    tiling: Tiling,
    device: torch.device | None = None,
    bf16: bool = True,
    progress: Progress | None = None,
) -> Iterator[Slab]:
    """Yield the score map from top to bottom, each part once no later tile can change it.

    Parameters
    ----------
    volume
        Tomogram, in memory or on disk; each tile is read when its turn comes.
    network
        Keeps the contract of ``models``; its finest output is used.
    normaliser
        The tomogram's measured scale.
    activation
        ``softmax`` drops channel 0 (background); ``sigmoid`` keeps all channels.
    tiling
        From ``plan_tiles``, for the same network.
    device, bf16
        Where and how to compute; bf16 only where it is fast.
    progress
        Told the share done, 0 to 1.
    """
    device = device or torch.device("cpu")
    stride = network.strides[0]
    cells = Geometry(volume.shape, volume.voxel_spacing, stride).cells
    network = network.to(device).eval()
    pending: Float32[np.ndarray, "o z y x"] | None = None
    top, done = 0, 0
    z_tiles, y_tiles, x_tiles = tiling.axes
    for row, z in enumerate(z_tiles):
        depth = len(z.weights)
        for y in y_tiles:
            for x in x_tiles:
                block = _read(volume, tiling.tile, (z, y, x), normaliser)
                scores = _forward(network, block, activation, device, bf16)
                if pending is None:
                    pending = np.zeros((len(scores), depth, *cells[1:]), np.float32)
                _blend(pending, scores, (z, y, x), stride, z.start // stride - top)
                done += 1
                if progress:
                    progress(done / tiling.count)
        assert pending is not None  # every axis has at least one tile
        last = row == len(z_tiles) - 1
        ready = cells[0] if last else z_tiles[row + 1].start // stride
        yield Slab(top, to_half(pending[:, : ready - top]))
        if not last:
            longer = np.zeros((len(pending), z_tiles[row + 1].weights.size, *cells[1:]), np.float32)
            rest = pending[:, ready - top :]
            longer[:, : rest.shape[1]] = rest
            pending, top = longer, ready


def _read(
    volume: Volume, tile: Shape, at: tuple[AxisTile, AxisTile, AxisTile], normaliser: Normaliser
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


def _forward(
    network: Network,
    block: Float32[np.ndarray, "z y x"],
    activation: Activation,
    device: torch.device,
    bf16: bool,
) -> Float32[np.ndarray, "o u v w"]:
    """Return the probabilities of one tile, without background."""
    with torch.inference_mode(), autocast(device, bf16):
        batch = torch.from_numpy(block)[None, None].to(device)
        logits = network(batch.to(memory_format=torch.channels_last_3d))[0].float()
        return probabilities(logits, activation)[0].cpu().numpy()


def _blend(
    pending: Float32[np.ndarray, "o z y x"],
    scores: Float32[np.ndarray, "o u v w"],
    at: tuple[AxisTile, AxisTile, AxisTile],
    stride: int,
    first_plane: int,
) -> None:
    """Add one tile, weighted, to the planes that are not finished yet."""
    z, y, x = at
    nz, ny, nx = (axis.weights.size for axis in at)
    y0, x0 = y.start // stride, x.start // stride
    weights = z.weights[:, None, None] * y.weights[:, None] * x.weights
    pending[:, first_plane : first_plane + nz, y0 : y0 + ny, x0 : x0 + nx] += (
        scores[:, :nz, :ny, :nx] * weights
    )
