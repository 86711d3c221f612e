"""The main job in one go: a tomogram and weights in, picks out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.find_all import find_all
from tomoscout.inference.merged_card import SAME_SPACING
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.scratch import MapShape, scratch
from tomoscout.inference.stream import stream_model
from tomoscout.inference.tiling import WindowSettings
from tomoscout.inference.weights import Detector, load_detector
from tomoscout.ops.resample import resample

__all__ = [
    "FLOOR",
    "ScoreMap",
    "at_spacing_of",
    "find_all",
    "load_small",
    "map_shape",
    "pick",
    "predict",
    "resolve_thresholds",
]

_LOADED = 1 << 29  # bytes of tomogram read at once; larger ones are read tile by tile

FLOOR = 0.03
"""Scores below it are never worth a pick: where F4 is F, a bet pays from probability F/17 on."""

Progress = Callable[[float], None]


def predict(
    volume: Volume,
    model: Detector | Ensemble | str | Path | None = None,
    *,
    window: WindowSettings | None = None,
    device: str = "auto",
    out: Callable[[MapShape], Any] | None = None,
    first: int = 0,
    progress: Progress | None = None,
) -> ScoreMap:
    """Compute the score map of a tomogram.

    Parameters
    ----------
    volume
        Tomogram in memory or on disk; one whose voxel spacing is more than 3 % off the
        model's is resampled.
    model
        Detector or ensemble, or name, path or URL of weights; the shipped weights when not given.
    window
        How the tomogram is cut into tiles, and how they are looked at.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    out
        Makes the array the scores go to, given its shape, once the first ones are there; memory,
        or a scratch folder when they would take more than 1 GB, when not given.
    first
        Plane of cells to begin with, when ``out`` gives an array that holds those before it.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If there are no such weights, or the tomogram is unusable.
    """
    model = _loaded(model)
    volume = load_small(at_spacing_of(model, volume))
    shape, room = map_shape(model, volume), out or scratch
    data = None
    if first < shape[1]:
        slabs = stream_model(
            volume, model, window=window, first=first, device=device, progress=progress
        )
        for slab in slabs:
            if data is None:
                data = room(shape)
            data[:, slab.start : slab.start + slab.scores.shape[1]] = slab.scores
            del slab  # else it is held while the next one is made
    data = room(shape) if data is None else data
    geometry = volume.geometry.at_stride(model.card.stride)
    return ScoreMap(data, tuple(model.objects.names), geometry)


def at_spacing_of(model: Detector | Ensemble, volume: Volume) -> Volume:
    """Return the tomogram at (nearly) the voxel spacing the model was trained at."""
    wanted = model.card.voxel_spacing
    if abs(volume.voxel_spacing / wanted - 1) > SAME_SPACING:
        return resample(volume, wanted)
    return volume


def load_small(volume: Volume) -> Volume:
    """Return a tomogram in memory if it is small: else it would be read several times."""
    return volume.load() if np.prod(volume.shape) * 4 <= _LOADED else volume


def map_shape(model: Detector | Ensemble, volume: Volume) -> MapShape:
    """Return the shape of the score map that a tomogram at the model's voxel spacing gets."""
    return (len(model.objects), *volume.geometry.at_stride(model.card.stride).cells)


def pick(
    volume: Volume,
    model: Detector | Ensemble | str | Path | None = None,
    *,
    objects: Iterable[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    together: bool | None = None,
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
        Detector or ensemble, or name, path or URL of weights; the shipped weights when not given.
    objects
        Names of the objects to pick; all that the model finds when not given.
    thresholds
        Lowest score per object, replacing the card's for the objects named.
    together
        See ``find_all``.
    window, device, progress
        See ``predict``.

    Raises
    ------
    UserError
        If an object or a threshold's is one the model does not know, there are no such weights,
        or the tomogram is unusable.
    """
    model = _loaded(model)
    limits = resolve_thresholds(model, thresholds, objects=objects)
    scores = predict(volume, model, window=window, device=device, progress=progress)
    found = find_all(scores, model, thresholds=limits, together=together)
    # The extent is the tomogram's own, also when it was resampled for the network.
    return replace(found, run=volume.name, extent=volume.geometry.extent)


def resolve_thresholds(
    model: Detector | Ensemble,
    thresholds: Mapping[str, float] | None = None,
    *,
    objects: Iterable[str] | None = None,
) -> dict[str, float]:
    """Return a threshold for each object to pick: given, else the card's, else 0.5.

    Parameters
    ----------
    model
        Says which objects there are.
    thresholds
        Thresholds given, by object.
    objects
        Objects to pick; all of the model's when not given.

    Raises
    ------
    UserError
        If one is named that the model does not know, or whose threshold would be in vain.
    """
    names = model.objects.names
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
    limits = dict.fromkeys(names, 0.5) | model.card.thresholds | dict(thresholds or {})
    return {name: limits[name] for name in names if name in wanted}


def _loaded(model: Detector | Ensemble | str | Path | None) -> Detector | Ensemble:
    """Return a model that may have been given by the name of its weights."""
    return model if isinstance(model, Detector | Ensemble) else load_detector(model)
