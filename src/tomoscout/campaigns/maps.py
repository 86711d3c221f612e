"""One score map of a campaign: from where it was left to its last plane."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Any

from tomoscout.campaigns._jobs import MapJob, Scorer
from tomoscout.campaigns.sources import Sources
from tomoscout.campaigns.store import Store
from tomoscout.inference.blending import blend_scores
from tomoscout.inference.ensemble import Ensemble, load_model
from tomoscout.inference.resumable import partial_path, predict_to
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.weights import Detector
from tomoscout.io.scores import create_scores, read_scores

_PLANES = 32  # of a chunk


def load_scorer(scorer: Scorer) -> Detector | Ensemble:
    """Load the model that a scorer stands for."""
    is_expert = scorer.strategy == "ensemble_specialists"
    return load_model(
        scorer.paths, ensemble="specialists" if is_expert else "mean", blend=scorer.blend
    )


def draw_map(
    job: MapJob,
    model: Detector | Ensemble,
    *,
    store: Store,
    sources: Sources,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> None:
    """Compute a score map and keep it; one that was begun is gone on with.

    That of an ensemble is made of its members' maps where the campaign has them, and is the same to
    the last bit as if all networks ran again in the same tiles.

    Parameters
    ----------
    job
        Which one.
    model
        That of its scorer.
    store, sources
        Where it is kept, and where its tomogram is.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the tomogram is unusable, or the disk full.
    """
    target = store.map_path(job)
    if target.is_dir() and not store.is_noted(job):  # complete, and stopped before it was noted
        store.keep_map(job, None)
        return
    store.drop_map(job)  # of a tomogram that has moved
    store.describe_maps(job, lambda: _facts(job, model))
    if job.parts and isinstance(model, Ensemble) and _is_even(model):
        _join(job, model, store)
        return
    began_anew = not partial_path(target).exists()
    window = job.window.model_copy(update={"tta": job.tta})
    started = time.monotonic()
    _, written = predict_to(
        partial_path(target),
        sources.volume(job),
        model,
        window=window,
        device=device,
        progress=progress,
    )
    seconds = time.monotonic() - started
    written.move(target)
    # Of a map that was begun before, only the rest was timed.
    store.keep_map(job, seconds if began_anew else None)


def read_map(job: MapJob, store: Store) -> ScoreMap:
    """Open a score map that is complete."""
    return ScoreMap.of(read_scores(store.map_path(job)))


def _facts(job: MapJob, model: Detector | Ensemble) -> dict[str, Any]:
    """Return how score maps are made, as ``predict`` notes it for ``pick --scores``."""
    is_expert = job.scorer.strategy == "ensemble_specialists"
    return {
        "model": model.source,
        "models": [
            str(path.resolve()) if path.exists() else str(path) for path in job.scorer.paths
        ],
        "weights": model.fingerprint,
        "ensemble": "specialists" if is_expert else "mean",
        "blend": job.scorer.blend,
        "shares": [],
        "tta": job.tta,
        "average": job.window.average,
        "kind": job.scorer.kind,
    }


def _is_even(model: Ensemble) -> bool:
    """Tell whether all members have maps on one lattice."""
    return len({member.card.stride for member in model.members}) == 1


def _join(job: MapJob, model: Ensemble, store: Store) -> None:
    """Make the score map of an ensemble from those of its members."""
    started = time.monotonic()
    parts = [read_scores(store.map_path(part)) for part in job.parts]
    first, target = parts[0], store.map_path(job)
    shutil.rmtree(partial_path(target), ignore_errors=True)
    written = create_scores(
        partial_path(target), model.objects.names, first.geometry, first.run, extent=first.extent
    )
    for start in range(0, first.geometry.cells[0], _PLANES):
        slabs = [part.data[:, start : start + _PLANES] for part in parts]
        written.write(start, blend_scores(slabs, model))
    written.move(target)
    seconds = [time.monotonic() - started, *(store.seconds(part) for part in job.parts)]
    known = [one for one in seconds if one is not None]
    store.keep_map(job, sum(known) if len(known) == len(seconds) else None)
