"""The score map of a tomogram from one network or several, in a stream of finished slabs.

Members of an ensemble go through the tomogram side by side, each with its own tiles, grey values
and stride, and wait for one another: of each no more than some slabs are held. Coarser maps are
interpolated linearly between the centres of their cells, so that a particle stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from tomoscout.core.volume import Volume
from tomoscout.inference.blending import blend_scores
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.lattice import first_needed, in_step, refine
from tomoscout.inference.rank_match import stream_ranks
from tomoscout.inference.sliding_window import (
    Progress,
    Slab,
    WindowSettings,
    plan_tiles,
    stream_scores,
)
from tomoscout.inference.weights import Detector
from tomoscout.ops.normalise import Normaliser, NormaliseSettings, measure
from tomoscout.ops.precision import choose_device


def stream_model(
    volume: Volume,
    model: Detector | Ensemble,
    *,
    window: WindowSettings | None = None,
    first: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Iterator[Slab]:
    """Yield the score map from top to bottom, at the model's stride.

    Parameters
    ----------
    volume
        Tomogram at (nearly) the model's voxel spacing, in memory or on disk.
    model
        A detector, or an ensemble of them.
    window
        How the tomogram is cut into tiles, and how they are looked at.
    first
        Plane of cells to begin with, where a stopped prediction goes on; all that is yielded is the
        same to the last bit.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the tomogram is unusable, the device is not there, or a network cannot take the tiles.
    """
    where = device if isinstance(device, torch.device) else choose_device(device)
    window = window or WindowSettings()
    members = model.members if isinstance(model, Ensemble) else (model,)
    measured: dict[NormaliseSettings, Normaliser] = {}
    for settings in (member.card.normalise for member in members):
        if settings not in measured:
            measured[settings] = measure(volume, settings)

    def one(member: Detector, start: int, told: Progress | None) -> Iterator[Slab]:
        count = len(member.card.objects)
        tiling = plan_tiles(
            volume.shape,
            network=member.network,
            settings=window,
            objects=count,
            share=len(members),
        )
        return stream_scores(
            volume,
            member.network,
            measured[member.card.normalise],
            activation=member.card.activation,
            tiling=tiling,
            tta=window.tta,
            average=window.average,
            backend=window.backend,
            first=start,
            device=where,
            progress=told,
        )

    if isinstance(model, Detector):
        yield from one(model, first, progress)
        return
    fine = volume.geometry.at_stride(model.card.stride)
    begin = 0 if model.blend == "ranks" else first  # ranks are counted over whole maps
    told = _shared(progress, len(members))
    streams = []
    for member, tell in zip(members, told, strict=True):
        coarse = volume.geometry.at_stride(member.card.stride)
        slabs = one(member, first_needed(coarse, fine, begin), tell)
        streams.append(refine(slabs, coarse=coarse, fine=fine, first=begin))
    if model.blend == "ranks":
        yield from stream_ranks(streams, model, cells=fine.cells, first=first)
        return
    for parts in in_step(streams):
        yield Slab(parts[0].start, blend_scores([part.scores for part in parts], model))


def _shared(progress: Progress | None, count: int) -> list[Progress | None]:
    """Return what tells each member's progress, so that their mean is told on."""
    if progress is None:
        return [None] * count
    done = [0.0] * count

    def tell(member: int, share: float) -> None:
        done[member] = share
        progress(sum(done) / count)

    return [partial(tell, member) for member in range(count)]
