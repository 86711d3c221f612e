"""One score map of a campaign: from where it was left to its last plane."""

from __future__ import annotations

import time
from collections.abc import Callable

from tomoscout.campaigns._jobs import MapJob, Scorer
from tomoscout.campaigns.sources import Sources
from tomoscout.campaigns.store import Store
from tomoscout.inference.ensemble import Ensemble, load_model
from tomoscout.inference.resumable import partial_path, predict_to
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.weights import Detector
from tomoscout.io.scores import read_scores


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
    if target.is_dir():  # it has its final name, and was stopped before it was noted
        store.keep_map(job, None)
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
