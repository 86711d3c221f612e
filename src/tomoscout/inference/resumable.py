"""Score maps that a stopped job goes on with: at the slab where it was killed, not anew.

What the scores depend on (weights, tiles, views, tomogram, version) is noted in the store; one that
depends on something else is begun anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tomoscout import __version__
from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.inference import detect
from tomoscout.inference.detect import at_spacing_of, map_shape
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.scratch import fits_memory
from tomoscout.inference.tiling import WindowSettings
from tomoscout.inference.weights import Detector
from tomoscout.io.scores import ScoreStore, create_scores, unfinished_scores
from tomoscout.ops.precision import choose_device

_SUFFIX = ".partial-0"  # what names without it are told in messages about the disk


def partial_path(path: Path) -> Path:
    """Return the name of a store that is not complete, beside its final one."""
    return path.with_name(path.name + _SUFFIX)


@contextmanager
def predicted(
    volume: Volume,
    model: Detector | Ensemble,
    *,
    keep: Path,
    window: WindowSettings | None = None,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> Iterator[ScoreMap]:
    """Compute a score map to work on, in memory if it is small, else in a store for that time.

    A map that fits into memory takes seconds to minutes: it is computed anew after a stop. A larger
    one lies in the store until the block is done, and a stopped job goes on with it.

    Parameters
    ----------
    keep
        The store of a large map.
    volume, model, window, device, progress
        See ``detect.predict``.
    """
    if fits_memory(map_shape(model, at_spacing_of(model, volume))):
        yield detect.predict(volume, model, window=window, device=device, progress=progress)
        return
    try:
        scores, _ = predict_to(keep, volume, model, window=window, device=device, progress=progress)
        yield scores
    except UserError:  # it would fail again
        shutil.rmtree(keep, ignore_errors=True)
        raise
    shutil.rmtree(keep, ignore_errors=True)


def predict_to(
    path: Path,
    volume: Volume,
    model: Detector | Ensemble,
    *,
    window: WindowSettings | None = None,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> tuple[ScoreMap, ScoreStore]:
    """Compute a score map into a store, going on with what a stopped call of the same has left.

    Parameters
    ----------
    path
        The store, best named by `partial_path`. It is removed if the tomogram turns out to be
        unusable or the disk full; whatever else ends the process leaves it to be gone on with.
    volume, model, window, device, progress
        See ``detect.predict``.

    Returns
    -------
    tuple
        The map, and the store it lies in.

    Raises
    ------
    UserError
        If the tomogram is unusable, or the disk full.
    """
    window = window or WindowSettings()
    made_by = describe(volume, model, window=window, device=device)
    begun = unfinished_scores(path, made_by=made_by)
    geometry = at_spacing_of(model, volume).geometry.at_stride(model.card.stride)
    stores = [begun] if begun else []

    def room(_: object) -> ScoreStore:
        if not stores:
            shutil.rmtree(path, ignore_errors=True)
            stores.append(
                create_scores(
                    path,
                    model.objects.names,
                    geometry,
                    volume.name,
                    extent=volume.geometry.extent,
                    made_by=made_by,
                )
            )
        return stores[0]

    try:
        scores = detect.predict(
            volume,
            model,
            window=window,
            device=device,
            out=room,
            first=begun.done if begun else 0,
            progress=progress,
        )
    except UserError:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return scores, stores[0]


def describe(
    volume: Volume, model: Detector | Ensemble, *, window: WindowSettings, device: str
) -> str:
    """Return a short text that differs whenever scores may."""
    facts = {
        "version": __version__,
        "weights": model.fingerprint,
        "window": window.model_dump(),
        "device": choose_device(device).type,
        "tomogram": _look_of(volume),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _look_of(volume: Volume) -> str:
    """Tell tomograms apart by their lattice and three planes: all processing changes those."""
    digest = hashlib.sha256(repr((volume.shape, volume.voxel_spacing)).encode())
    depth = volume.shape[0]
    for plane in sorted({0, depth // 2, depth - 1}):
        digest.update(np.ascontiguousarray(volume.read(slice(plane, plane + 1))).tobytes())
    return digest.hexdigest()
