"""``tomoscout predict``: score maps on disk, for looking at or for picking later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.inference.weights import Detector
    from tomoscout.io.project import Run


def predict(
    source: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    model: str | None = None,
    voxel_spacing: float | None = None,
    kind: str | None = None,
    runs: str | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Write score maps of a tomogram, or of every run of a project, without picking.

    Each run becomes RUN.scores.zarr: float16 probabilities (object, z, y, x) at the network's
    stride. A job that was stopped goes on where it was; a run that fails is reported at the end and
    does not stop the others.

    Parameters
    ----------
    source
        Tomogram, folder of tomograms, copick config or Kaggle folder.
    output
        Folder for the score maps.
    model
        Weights: a training folder, a .safetensors file, a name from 'tomoscout models', or a URL
        with its sha256; the weights that come with the package when not given.
    voxel_spacing
        Edge of a voxel in Å, where the file's header does not say.
    kind
        Kind of tomogram, such as denoised or wbp; what the weights were trained on by default.
    runs
        Comma-separated names; all runs when not given.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds score maps.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._ledger import Ledger
    from tomoscout.commands._runs import check_objects, choose_runs, kind_to_use
    from tomoscout.commands._weights import load_weights
    from tomoscout.core.errors import UserError
    from tomoscout.inference.weights import fingerprint
    from tomoscout.io.project import open_project
    from tomoscout.ops.precision import choose_device

    choose_device(device)
    detector = load_weights(model)
    project = open_project(source, voxel_spacing=voxel_spacing)
    kind = kind_to_use(kind, detector, project)
    check_objects(detector, project)
    chosen = choose_runs(project, runs)
    ledger = Ledger(
        output,
        "predict",
        {
            "model": detector.source,
            "weights": fingerprint(detector),
            "kind": kind,
            "voxel_spacing": voxel_spacing,
        },
        overwrite=overwrite,
    )

    def one(run: Run) -> dict[str, Any]:
        _predict_run(run, detector, kind=kind, device=device, output=output)
        return {}

    with ledger:
        failed = ledger.work(chosen, one)
        if ledger.runs:
            console.print(f"score maps: {output}/*.scores.zarr", highlight=False)
        if failed:
            raise UserError(f"{len(failed)} of {len(chosen)} runs failed; the first: {failed[0]}")


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
