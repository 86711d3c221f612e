"""How a tomogram is cut into tiles: which tiles waste least, and fit the network and memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import field_validator

from tomoscout.core import usual
from tomoscout.core.geometry import Geometry, Shape
from tomoscout.core.parameters import Average
from tomoscout.core.settings import Settings
from tomoscout.models import Network
from tomoscout.ops.tiles import AxisTile, Blend, axis_tiles, fit_tile
from tomoscout.ops.views import divisor_of, find_views

_UNFINISHED = 3 << 29  # bytes of unfinished scores held at most, as long as tiles stay useful
_THIN = 3  # tiles less deep than so many overlaps are mostly overlap


class WindowSettings(Settings):
    """How a tomogram is cut into tiles, and how each of them is looked at."""

    limit: Shape = (192, 192, 192)
    """Longest tile, in voxels; the tiles used are the ones within it that cover the tomogram with
    the least surplus. Smaller needs less memory; much larger falls out of the processor's cache."""
    overlap: int = 24
    """Voxels that neighbouring tiles share. With 24 instead of 32 a tomogram of the challenge is a
    sixth less work."""
    blend: Blend = "linear"
    """Shape of the blend over the overlap."""
    tta: str = usual.TTA
    """Views that are averaged (test-time augmentation): none, z_flip, wedge_safe, anisotropic, d4z,
    isotropic13 or isotropic; see ``ops.views``."""
    average: Average = usual.AVERAGE
    """What is averaged over the views: probabilities or logits."""
    backend: str = "torch"
    """What runs the network; see ``inference.backends``."""

    @field_validator("tta")
    @classmethod
    def _known(cls, tta: str) -> str:
        find_views(tta)
        return tta


@dataclass(frozen=True)
class Tiling:
    """Tiles of a tomogram: their shape in voxels and where they lie on each axis."""

    tile: Shape
    axes: tuple[list[AxisTile], list[AxisTile], list[AxisTile]]

    @property
    def count(self) -> int:
        """Tiles in all."""
        return int(np.prod([len(axis) for axis in self.axes]))


def plan_tiles(
    shape: Shape,
    *,
    network: Network,
    settings: WindowSettings | None = None,
    objects: int = 1,
    share: int = 1,
) -> Tiling:
    """Cut a tomogram into the tiles that waste least within the settings' limits.

    A network that names a ``tile`` of its own gets that, on each axis where the limit allows.
    Where views exchange axes, tiles fit the network on any of their sides.

    Parameters
    ----------
    shape
        Voxels of the tomogram.
    network
        What the tiles are for.
    settings
        The limits.
    objects
        Channels of the score map. A whole row of tiles is unfinished at a time: in tomograms so
        wide that this would fill memory, tiles are less deep.
    share
        Number of networks that go through the tomogram side by side.
    """
    settings = settings or WindowSettings()
    stride = network.strides[0]
    divisor = divisor_of(find_views(settings.tta), network.divisor)
    depth = max(_affordable(shape, stride, objects * share), _THIN * settings.overlap)
    limits = (min(settings.limit[0], depth), *settings.limit[1:])
    own: Shape = getattr(network, "tile", (0, 0, 0))
    tile = [
        t
        if 0 < t <= limit and t % d == 0
        else fit_tile(n, limit=limit, overlap=settings.overlap, divisor=d)
        for n, t, limit, d in zip(shape, own, limits, divisor, strict=True)
    ]
    steps = [max(t - settings.overlap, d) for t, d in zip(tile, divisor, strict=True)]
    z, y, x = (
        axis_tiles(n, tile=t, step=step // stride * stride, stride=stride, blend=settings.blend)
        for n, t, step in zip(shape, tile, steps, strict=True)
    )
    return Tiling((tile[0], tile[1], tile[2]), (z, y, x))


def _affordable(shape: Shape, stride: int, channels: int) -> int:
    """Return how many voxels deep a row of tiles may be."""
    _, y, x = Geometry(shape, 1.0, stride).cells
    return _UNFINISHED // (4 * channels * y * x) * stride
