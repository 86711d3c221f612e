"""``tomoscout predict``: score maps on disk, for looking at or for picking later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tomoscout.commands._prediction import NO_FLAGS, PredictionFlags

if TYPE_CHECKING:
    from tomoscout.core.volume import Volume
    from tomoscout.inference.ensemble import Ensemble
    from tomoscout.inference.tiling import WindowSettings
    from tomoscout.inference.weights import Detector
    from tomoscout.io.project import Run


def predict(
    source: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    flags: PredictionFlags = NO_FLAGS,
    overwrite: bool = False,
) -> None:
    """Write score maps of a tomogram, or of every run of a project, without picking.

    Each run becomes RUN.scores.zarr: float16 probabilities (object, z, y, x) at the network's
    stride; 'pick --scores' picks from them. A job that was stopped goes on where it was, within a
    tomogram too; a run that fails is reported at the end and does not stop the others.

    Parameters
    ----------
    source
        Tomogram, folder of tomograms, copick config or Kaggle folder.
    output
        Folder for the score maps.
    overwrite
        Start anew in a folder that already holds score maps.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._ledger import Ledger
    from tomoscout.commands._runs import check_objects, choose_runs, kind_to_use
    from tomoscout.core.errors import UserError
    from tomoscout.inference.detect import load_small
    from tomoscout.io.project import open_project
    from tomoscout.ops.precision import choose_device

    choose_device(flags.device)
    window = flags.window()
    model = flags.load()
    project = open_project(source, voxel_spacing=flags.voxel_spacing)
    kind = kind_to_use(flags.kind, model, project)
    check_objects(model, project)
    chosen = choose_runs(project, flags.runs)
    noted = flags.noted(model, window, kind=kind)
    ledger = Ledger(output, "predict", noted, overwrite=overwrite)

    def read(run: Run) -> Volume:
        return load_small(run.tomogram(kind))

    def one(run: Run, volume: Volume) -> dict[str, Any]:
        _predict_run(run.name, volume, model, window=window, device=flags.device, output=output)
        return {}

    with ledger:
        failed = ledger.work(chosen, one, read=read)
        if ledger.runs:
            console.print(f"score maps: {output}/*.scores.zarr", highlight=False)
        if failed:
            raise UserError(f"{len(failed)} of {len(chosen)} runs failed; the first: {failed[0]}")


def _predict_run(
    name: str,
    volume: Volume,
    model: Detector | Ensemble,
    *,
    window: WindowSettings,
    device: str,
    output: Path,
) -> None:
    """Write the score map of one run; it gets its name when it is complete."""
    from tomoscout.commands._console import progress
    from tomoscout.inference.resumable import partial_path, predict_to

    target = output / f"{name}.scores.zarr"
    with progress(100, f"predict {name}") as bar:
        _, store = predict_to(
            partial_path(target),
            volume,
            model,
            window=window,
            device=device,
            progress=bar.fraction,
        )
        store.move(target)
