"""The main job in one go: a tomogram and weights in, picks out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.sliding_window import WindowSettings, plan_tiles, stream_scores
from tomoscout.inference.weights import Detector, load_detector
from tomoscout.io._atomic import disk_errors
from tomoscout.ops.normalise import measure
from tomoscout.ops.precision import choose_device
from tomoscout.ops.resample import resample
from tomoscout.pickers import PICKERS

_SAME_SPACING = 0.03  # networks are trained with larger changes of scale than this
_IN_MEMORY = 2 << 30  # bytes of score map kept in memory; larger ones go to a scratch file

_LOADED = 1 << 30  # bytes of tomogram read at once; larger ones are read tile by tile

FLOOR = 0.03
"""Scores below it are never worth a pick: where F4 is F, a bet pays from probability F/17 on."""

Progress = Callable[[float], None]


@dataclass(frozen=True)
class ScoreMap:
    """Scores of one tomogram.

    Attributes
    ----------
    data
        `(object, z, y, x)` float16 probabilities, in memory or on disk.
    objects
        Names of the objects, in channel order.
    geometry
        Where the cells lie in the tomogram.
    """

    data: Any
    objects: tuple[str, ...]
    geometry: Geometry


def predict(
    volume: Volume,
    model: Detector | str | Path | None = None,
    *,
    window: WindowSettings | None = None,
    device: str = "auto",
    out: Callable[[tuple[int, int, int, int]], Any] | None = None,
    progress: Progress | None = None,
) -> ScoreMap:
    """Compute the score map of a tomogram.

    Parameters
    ----------
    volume
        Tomogram in memory or on disk; one whose voxel spacing is more than 3 % off the
        detector's is resampled.
    model
        Detector, or name, path or URL of its weights; the shipped weights when not given.
    window
        How the tomogram is cut into tiles.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    out
        Makes the array the scores go to, given its shape; memory, or a scratch file when they
        would take more than 2 GB, when not given.
    progress
        Told the share done, 0 to 1.
    """
    detector = model if isinstance(model, Detector) else load_detector(model)
    card = detector.card
    volume = at_spacing_of(detector, volume)
    if np.prod(volume.shape) * 4 <= _LOADED:
        volume = volume.load()  # measuring and tiling would read it from disk three times
    geometry = volume.geometry.at_stride(card.stride)
    tiling = plan_tiles(volume.shape, network=detector.network, settings=window)
    normaliser = measure(volume, card.normalise)
    data = (out or _scratch)((len(card.objects), *geometry.cells))
    slabs = stream_scores(
        volume,
        detector.network,
        normaliser,
        activation=card.activation,
        tiling=tiling,
        device=choose_device(device),
        progress=progress,
    )
    for slab in slabs:
        data[:, slab.start : slab.start + slab.scores.shape[1]] = slab.scores
    return ScoreMap(data, tuple(detector.objects.names), geometry)


def at_spacing_of(detector: Detector, volume: Volume) -> Volume:
    """Return the tomogram at (nearly) the voxel spacing the detector was trained at."""
    wanted = detector.card.voxel_spacing
    if abs(volume.voxel_spacing / wanted - 1) > _SAME_SPACING:
        return resample(volume, wanted)
    return volume


def find_all(
    scores: ScoreMap,
    detector: Detector,
    *,
    thresholds: Mapping[str, float],
    picker: Choice | None = None,
) -> Picks:
    """Draw picks of every object from a score map, best first within each object.

    Parameters
    ----------
    scores
        From ``predict``.
    detector
        Says the objects' radii and the default picker.
    thresholds
        Lowest score of a pick, per object; objects not named are not picked.
    picker
        Another picker than the card's.
    """
    module, settings = (picker or detector.card.picker).resolve(PICKERS)

    def of(channel: int) -> Picks:
        entry = detector.objects[scores.objects[channel]]
        found: Picks = module.find_picks(
            np.asarray(scores.data[channel]),
            geometry=scores.geometry,
            radius=entry.radius,
            name=entry.name,
            threshold=thresholds[entry.name],
            settings=settings,
        )
        return found

    channels = [c for c, name in enumerate(scores.objects) if name in thresholds]
    with ThreadPoolExecutor(2) as pool:  # numpy and scipy let go of the interpreter
        parts = list(pool.map(of, channels))
    return Picks.concatenate([Picks.empty(extent=scores.geometry.extent), *parts])


def pick(
    volume: Volume,
    model: Detector | str | Path | None = None,
    *,
    objects: Iterable[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    window: WindowSettings | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Picks:
    """Find the particles of a tomogram.

    Parameters
    ----------
    volume
        Tomogram in memory or on disk.
    model
        Detector, or name, path or URL of its weights; the shipped weights when not given.
    objects
        Names of the objects to pick; all that the detector finds when not given.
    thresholds
        Lowest score per object, replacing the card's for the objects named.
    window, device, progress
        See ``predict``.

    Raises
    ------
    UserError
        If an object or a threshold's is one the detector does not know, there are no such weights,
        or the tomogram is unusable.
    """
    detector = model if isinstance(model, Detector) else load_detector(model)
    limits = resolve_thresholds(detector, thresholds, objects=objects)
    scores = predict(volume, detector, window=window, device=device, progress=progress)
    found = find_all(scores, detector, thresholds=limits)
    # The extent is the tomogram's own, also when it was resampled for the network.
    return replace(found, run=volume.name, extent=volume.geometry.extent)


def resolve_thresholds(
    detector: Detector,
    thresholds: Mapping[str, float] | None = None,
    *,
    objects: Iterable[str] | None = None,
) -> dict[str, float]:
    """Return a threshold for each object to pick: given, else the card's, else 0.5.

    Parameters
    ----------
    detector
        Says which objects there are.
    thresholds
        Thresholds given, by object.
    objects
        Objects to pick; all of the detector's when not given.

    Raises
    ------
    UserError
        If one is named that the detector does not know, or whose threshold would be in vain.
    """
    names = detector.objects.names
    wanted = set(names if objects is None else objects)
    known = {name: f"threshold for '{name}'" for name in thresholds or {}}
    known |= {name: f"object '{name}'" for name in sorted(wanted)}
    for name, what in known.items():
        if name not in names:
            raise UserError(
                f"{what}: the detector finds {', '.join(names)}." + did_you_mean(name, names)
            )
        if name not in wanted:
            raise UserError(f"{what}: it is not among the objects to pick")
    limits = dict.fromkeys(names, 0.5) | detector.card.thresholds | dict(thresholds or {})
    return {name: limits[name] for name in names if name in wanted}


def _scratch(shape: tuple[int, int, int, int]) -> Any:
    """Make room for a score map: memory, or a file that vanishes with its last user."""
    if np.prod(shape) * 2 <= _IN_MEMORY:
        return np.empty(shape, np.float16)
    with tempfile.TemporaryFile() as file:  # the map keeps it alive after it is closed
        with disk_errors(Path(tempfile.gettempdir())):
            if hasattr(os, "posix_fallocate"):  # else a disk that fills up ends the process
                os.posix_fallocate(file.fileno(), 0, int(np.prod(shape)) * 2)
        return np.memmap(file, np.float16, "w+", shape=shape)
