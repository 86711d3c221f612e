"""``tomoscout predict``: score maps on disk, for looking at or for picking later."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.inference.weights import Detector
    from tomoscout.io.project import Run


def predict(
    source: Path,
    *,
    model: str,
    output: Annotated[Path, Parameter(alias="-o")],
    voxel_spacing: float | None = None,
    kind: str | None = None,
    runs: str | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Write score maps of a tomogram, or of every run of a project, without picking.

    Each run becomes RUN.scores.zarr: float16 probabilities (object, z, y, x) at the network's
    stride. A job that was stopped goes on where it was.

    Parameters
    ----------
    source
        Tomogram, folder of tomograms, copick config or Kaggle folder.
    model
        Weights: a training folder, a .safetensors file, or a shipped name.
    output
        Folder for the score maps.
    voxel_spacing
        Edge of a voxel in Å, where the file's header does not say.
    kind
        Kind of tomogram, such as denoised or wbp.
    runs
        Comma-separated names; all runs when not given.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds score maps.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._runs import Ledger, check_objects, choose_runs
    from tomoscout.inference.weights import load_detector
    from tomoscout.io.project import open_project

    detector = load_detector(model)
    project = open_project(source, voxel_spacing=voxel_spacing)
    check_objects(detector, project)
    chosen = choose_runs(project, runs)
    ledger = Ledger(
        output, "predict", {"model": detector.source, "kind": kind}, overwrite=overwrite
    )
    for run in ledger.todo(chosen):
        started = time.monotonic()
        _predict_run(run, detector, kind=kind, device=device, output=output)
        ledger.done(run.name, {"seconds": round(time.monotonic() - started, 1)})
    console.print(f"score maps: {output}/*.scores.zarr", highlight=False)


def _predict_run(
    run: Run, detector: Detector, *, kind: str | None, device: str, output: Path
) -> None:
    """Write the score map of one run; it appears under its name when it is complete."""
    from tomoscout.commands._console import progress
    from tomoscout.inference.detect import at_spacing_of
    from tomoscout.inference.detect import predict as predict_volume
    from tomoscout.io._atomic import atomic_path
    from tomoscout.io.scores import create_scores

    volume = at_spacing_of(detector, run.tomogram(kind))
    geometry = volume.geometry.at_stride(detector.card.stride)
    names = detector.objects.names
    target = output / f"{run.name}.scores.zarr"
    with progress(100, f"predict {run.name}") as bar, atomic_path(target, overwrite=True) as path:
        predict_volume(
            volume,
            detector,
            device=device,
            out=lambda _: create_scores(path, names, geometry, run.name),
            progress=bar.fraction,
        )
