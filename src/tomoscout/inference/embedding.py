"""Tomograms through an encoder: a vector for each crop of a grid, or of given places.

Grey values are measured once per tomogram, as in training; beyond its edge a tomogram is reflected.
A grid is worked on layer by layer along z, and of the tomogram no more is held than the planes
that one layer's crops need. Vectors have length 1, so their dot products are cosines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from tomoscout.core.volume import Volume
from tomoscout.inference.at_places import Progress, check_spacing, crops_of
from tomoscout.inference.encoder_weights import EncoderWeights
from tomoscout.ops.crops import first_voxels, reflected
from tomoscout.ops.grids import Grid
from tomoscout.ops.normalise import Normaliser, measure
from tomoscout.ops.precision import autocast, choose_device

_BATCH = 64  # crops at once: more gain nothing on a processor, whose caches they leave
_SHARE = 4  # crops overlap so that each voxel is seen by this many along an axis


@dataclass(frozen=True)
class EmbeddedLayer:
    """The vectors of one layer of a grid.

    Attributes
    ----------
    index
        Which layer along z.
    vectors
        `(y, x, features)` vectors of length 1.
    """

    index: int
    vectors: Float32[np.ndarray, "y x f"]


def embed(
    volume: Volume,
    encoder: EncoderWeights,
    *,
    stride: int | None = None,
    grid: Grid | None = None,
    normaliser: Normaliser | None = None,
    batch: int = _BATCH,
    device: str | torch.device = "auto",
    bf16: bool = True,
    progress: Progress | None = None,
) -> Iterator[EmbeddedLayer]:
    """Yield the vectors of a grid of crops, layer by layer along z.

    Parameters
    ----------
    volume
        Tomogram at (nearly) the encoder's voxel spacing, in memory or on disk; each plane is read
        once.
    encoder
        What makes vectors of crops.
    stride
        Voxels from crop to crop along each axis, whose vectors then belong to the cells of a score
        map of that stride.
    grid
        Centres of the crops, instead of a stride. With neither, crops are a quarter of their
        longest edge apart.
    normaliser
        The tomogram's scale, if it has been measured.
    batch
        Crops that go through the encoder at once.
    device, bf16
        Where and how to compute; bf16 only where it is fast.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the tomogram is unusable or of another voxel spacing, or the device is not there.
    """
    if stride is not None and grid is not None:
        raise ValueError("a stride and a grid: give one of them")
    check_spacing(volume, encoder.card.voxel_spacing, what="encoder")
    stride = stride or max(max(encoder.card.crop) // _SHARE, 1)
    grid = grid or Grid.at_stride(volume.shape, stride)
    normaliser = normaliser or measure(volume, encoder.card.normalise)
    run = _Run(encoder, batch, device, bf16)
    return _layers(volume, run, grid, normaliser, progress)


def embed_at(
    volume: Volume,
    encoder: EncoderWeights,
    zyx: Float[np.ndarray, "n 3"],
    *,
    normaliser: Normaliser | None = None,
    batch: int = _BATCH,
    device: str | torch.device = "auto",
    bf16: bool = True,
    progress: Progress | None = None,
) -> Float32[np.ndarray, "n f"]:
    """Return the vectors of crops centred at given places.

    Parameters
    ----------
    volume
        Tomogram at (nearly) the encoder's voxel spacing, in memory or on disk.
    encoder
        What makes vectors of crops.
    zyx
        Centres, in ångström; a crop starts at the whole voxel that puts it nearest to its centre.
    normaliser, batch, device, bf16, progress
        See ``embed``.

    Raises
    ------
    UserError
        If the tomogram is unusable or of another voxel spacing, or the device is not there.
    """
    check_spacing(volume, encoder.card.voxel_spacing, what="encoder")
    normaliser = normaliser or measure(volume, encoder.card.normalise)
    run = _Run(encoder, batch, device, bf16)
    parts = [np.zeros((0, encoder.network.features), np.float32)]
    for crops in crops_of(
        volume, zyx, encoder.card.crop, normaliser=normaliser, batch=batch, progress=progress
    ):
        parts.append(run(torch.from_numpy(crops)))
    return np.concatenate(parts)


def embed_crops(
    crops: Float32[np.ndarray, "n z y x"],
    encoder: EncoderWeights,
    *,
    batch: int = _BATCH,
    device: str | torch.device = "auto",
    bf16: bool = True,
) -> Float32[np.ndarray, "n f"]:
    """Return the vectors of crops that are cut and normalised already (turned, for example).

    Parameters
    ----------
    crops
        Of the encoder's own shape.
    encoder
        What makes vectors of them.
    batch, device, bf16
        See ``embed``.
    """
    run = _Run(encoder, batch, device, bf16)
    parts = [np.zeros((0, encoder.network.features), np.float32)]
    for start in range(0, len(crops), batch):
        parts.append(run(torch.from_numpy(crops[start : start + batch])))
    return np.concatenate(parts)


class _Run:
    """An encoder on its device: crops in, vectors of length 1 out."""

    def __init__(
        self, encoder: EncoderWeights, batch: int, device: str | torch.device, bf16: bool
    ) -> None:
        self.crop, self.batch, self.bf16 = encoder.card.crop, batch, bf16
        self.device = device if isinstance(device, torch.device) else choose_device(device)
        self.network = encoder.network.to(self.device).eval()

    @torch.inference_mode()
    def __call__(self, crops: Float[Tensor, "n z y x"]) -> Float32[np.ndarray, "n f"]:
        """Run one batch."""
        with autocast(self.device, self.bf16):
            features = self.network(crops.to(self.device)[:, None])
        vectors: Tensor = torch.nn.functional.normalize(features.float(), dim=1)
        return vectors.cpu().numpy()


def _layers(
    volume: Volume, run: _Run, grid: Grid, normaliser: Normaliser, progress: Progress | None
) -> Iterator[EmbeddedLayer]:
    """Go through the layers of a grid."""
    depth, height, width = run.crop
    z, y, x = (
        first_voxels(at, n) for at, n in zip((grid.z, grid.y, grid.x), run.crop, strict=True)
    )
    rows, columns = _span(y, height, volume.shape[1]), _span(x, width, volume.shape[2])
    planes = _Planes(volume, normaliser, rows, columns)
    corners = list(product((y - y.min()).tolist(), (x - x.min()).tolist()))
    for index, start in enumerate(z.tolist()):
        slab = torch.from_numpy(planes.read(start, depth)).to(run.device)
        crops = (slab[:, v : v + height, w : w + width] for v, w in corners)
        vectors = np.concatenate([run(torch.stack(some)) for some in _batches(crops, run.batch)])
        if progress:
            progress((index + 1) / len(z))
        yield EmbeddedLayer(index, vectors.reshape(len(y), len(x), -1))


def _batches(crops: Iterable[Tensor], size: int) -> Iterator[list[Tensor]]:
    """Take so many at once."""
    rest = iter(crops)
    while some := list(islice(rest, size)):
        yield some


def _span(starts: Int[np.ndarray, " n"], count: int, size: int) -> Int[np.ndarray, " span"]:
    """Return which voxels of an axis lie from its first crop to the end of its last."""
    first = int(starts.min())
    return reflected(first, int(starts.max()) + count - first, size)


class _Planes:
    """Normalised planes of a tomogram, each read once as long as layers are asked for in order."""

    def __init__(
        self,
        volume: Volume,
        normaliser: Normaliser,
        rows: Int[np.ndarray, " y"],
        columns: Int[np.ndarray, " x"],
    ) -> None:
        self.volume, self.normaliser, self.rows, self.columns = volume, normaliser, rows, columns
        self.held: dict[int, Float32[np.ndarray, "y x"]] = {}

    def read(self, start: int, count: int) -> Float32[np.ndarray, "z y x"]:
        """Return planes from ``start`` on, and forget all others."""
        wanted = reflected(start, count, self.volume.shape[0]).tolist()
        self.held = {z: self.held[z] for z in set(wanted) & set(self.held)}
        missing = sorted(set(wanted) - set(self.held))
        if missing:
            block = self.volume.read(slice(missing[0], missing[-1] + 1))
            planes = self.normaliser.apply(block)[:, self.rows][:, :, self.columns]
            self.held |= {z: planes[z - missing[0]] for z in missing}
        return np.stack([self.held[z] for z in wanted])
