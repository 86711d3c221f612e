"""A whole run through an encoder: a grid all over the tomogram, and the places worth a look.

The grid says where what is, at the distance of its crops; candidates say so to the voxel. Both are
embedded in one go, and the darkness that says which clusters are particles is measured beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float32

from tomoscout.core.volume import Volume
from tomoscout.discovery.darkness import darkness_at
from tomoscout.inference.classifier_weights import ClassifierWeights
from tomoscout.inference.embedding import embed, embed_at
from tomoscout.inference.encoder_weights import EncoderWeights
from tomoscout.inference.merged_card import SAME_SPACING
from tomoscout.io.embeddings import EmbeddedRun
from tomoscout.ops.grids import Grid
from tomoscout.ops.normalise import measure
from tomoscout.ops.resample import resample
from tomoscout.ops.thick import thicken

Progress = Callable[[float], None]

_GRID = 0.9  # of the time, about, goes into the grid


def as_trained(volume: Volume, network: EncoderWeights | ClassifierWeights) -> Volume:
    """Return a tomogram as a network saw those it was trained on: voxels and slices alike."""
    card = network.card
    if abs(volume.voxel_spacing / card.voxel_spacing - 1) > SAME_SPACING:
        volume = resample(volume, card.voxel_spacing)
    return thicken(volume, card.slab)


def embed_run(
    volume: Volume,
    encoder: EncoderWeights,
    *,
    places: Float[np.ndarray, "n 3"],
    stride: int,
    radius: float,
    device: str = "auto",
    progress: Progress | None = None,
) -> EmbeddedRun:
    """Embed the grid and the candidates of a tomogram.

    Parameters
    ----------
    volume
        Tomogram, protein dark.
    encoder
        What makes vectors of crops.
    places
        Candidates, in ångström.
    stride
        Voxels from crop to crop of the grid.
    radius
        Of the particles, about, in ångström: what darkness is measured over.
    device
        Where to compute.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the tomogram is unusable, or the device is not there.
    """
    seen = as_trained(volume, encoder)
    scale = measure(seen, encoder.card.normalise)
    geometry = seen.geometry.at_stride(stride)
    layers = embed(
        seen,
        encoder,
        stride=stride,
        normaliser=scale,
        device=device,
        progress=_part(progress, 0.0, _GRID),
    )
    vectors = np.stack([layer.vectors.astype(np.float16) for layer in layers])
    found = embed_at(
        seen, encoder, places, normaliser=scale, device=device, progress=_part(progress, _GRID, 1.0)
    )
    centres = Grid.at_stride(seen.shape, stride).centres_angstrom(seen.voxel_spacing)
    dark = volume if scale.sign > 0 else replace(volume, data=-volume.read())
    return EmbeddedRun(
        volume.name,
        geometry,
        volume.geometry.extent,
        vectors,
        darkness_at(dark, centres, radius=radius).reshape(geometry.cells),
        np.asarray(places, np.float64),
        found.astype(np.float16),
    )


def sample_of(
    runs: Iterable[EmbeddedRun], count: int, *, seed: int = 0
) -> tuple[Float32[np.ndarray, "n f"], Float32[np.ndarray, " n"]]:
    """Draw embeddings of grids and their darkness, as many from each run, without labels.

    Parameters
    ----------
    runs
        Embedded runs.
    count
        How many from each; fewer where there are not so many.
    seed
        Of the draw.
    """
    rng = np.random.default_rng(seed)
    vectors, darkness = [], []
    for run in runs:
        drawn = np.sort(rng.permutation(run.darkness.size)[:count])
        vectors.append(run.rows(drawn))
        darkness.append(run.darkness.reshape(-1)[drawn])
    return np.concatenate(vectors), np.concatenate(darkness)


def _part(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """Return what is told of a part of the work, as a share of the whole."""
    if progress is None:
        return None
    return lambda done: progress(start + done * (stop - start))
