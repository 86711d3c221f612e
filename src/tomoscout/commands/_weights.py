"""What the verbs that use weights share: loading them, and knowing which may be changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tomoscout.commands._console import progress
from tomoscout.core import usual
from tomoscout.core.errors import UserError
from tomoscout.inference.download import is_url
from tomoscout.inference.find import (
    DEFAULT,
    FILE_NAME,
    find_any,
    find_weights,
    is_own_path,
    named_weights,
)

if TYPE_CHECKING:  # they load torch
    from tomoscout.core.parameters import Blend, Strategy
    from tomoscout.inference.ensemble import Ensemble
    from tomoscout.inference.weights import Detector


def fetch_weights(model: str | None, *, any_kind: bool = False) -> Path:
    """Return the file of a detector's weights, or of any; those of a URL are downloaded first."""
    online = model is not None and is_url(model)
    with progress(100, "download") if online else nullcontext() as bar:
        look_for = find_any if any_kind else find_weights
        return look_for(model, progress=bar.fraction if bar else None)


def load_weights(model: str | None) -> Detector:
    """Load weights, the shipped ones when none are given."""
    from tomoscout.inference.weights import load_detector

    return load_detector(fetch_weights(model))


def load_models(
    models: Sequence[str],
    *,
    ensemble: Strategy = usual.ENSEMBLE,
    blend: Blend = usual.BLEND,
    shares: Mapping[str, Sequence[float]] | Sequence[float] | None = None,
) -> Detector | Ensemble:
    """Load weights, several of which answer as one; the shipped ones when none are given."""
    from tomoscout.inference.ensemble import load_model

    online = any(map(is_url, models))
    with progress(100, "download") if online else nullcontext() as bar:
        told = bar.fraction if bar else None
        return load_model(
            list(models) or None, ensemble=ensemble, blend=blend, shares=shares, progress=told
        )


def targets_of_tuning(models: Sequence[str | None], output: Path | None) -> list[Path]:
    """Return the file that the tuned weights of each model go to, before any time is spent.

    Only files of the user's own are changed: neither what is shipped, nor what a name or a URL
    stands for.
    """
    if output is not None:
        if len(models) > 1:
            raise UserError("--output: holds one copy; with --also the weights are tuned in place")
        if output.is_file():
            raise UserError(f"{output}: is a file; give a folder for the tuned copy")
        if (output / FILE_NAME).exists():
            raise UserError(f"{output}: holds weights already: choose another folder")
        return [output / FILE_NAME]
    for model in models:
        if not is_own_path(model):
            raise UserError(
                f"{model or DEFAULT}: these weights are not yours to change: give a folder for a "
                "tuned copy with --output"
            )
    return [find_weights(model) for model in models]


def refuse_as_project(path: str) -> None:
    """Refuse weights in the place of the project, which was forgotten then."""
    is_weights = Path(path).suffix == ".safetensors" or (Path(path) / FILE_NAME).is_file()
    if is_weights or (not Path(path).exists() and path in named_weights()):
        raise UserError(
            f"{path}: these are weights; give the project with the truth after them: "
            f"tomoscout tune {path} PROJECT"
        )
