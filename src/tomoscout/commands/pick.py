"""``tomoscout pick``: the main job, from tomograms to picks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.core.picks import Picks
    from tomoscout.inference.weights import Detector
    from tomoscout.io.project import Run


def pick(
    source: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path("picks"),
    model: str | None = None,
    voxel_spacing: float | None = None,
    kind: str | None = None,
    runs: str | None = None,
    objects: str | None = None,
    threshold: tuple[str, ...] = (),
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Find the particles of a tomogram, or of every run of a project.

    Writes picks.star (RELION 5), picks.csv and copick JSON. A job that was stopped goes on
    where it was; a run that fails is reported at the end and does not stop the others.

    Parameters
    ----------
    source
        Tomogram (.mrc, .rec, .map, .zarr), folder of tomograms, copick config or Kaggle folder.
    output
        Folder for the picks.
    model
        Weights: a training folder, a .safetensors file, a name from 'tomoscout models', or a URL
        with its sha256; the weights that come with the package when not given.
    voxel_spacing
        Edge of a voxel in Å, where the file's header does not say.
    kind
        Kind of tomogram, such as denoised or wbp; what the weights were trained on by default.
    runs
        Comma-separated names; all runs when not given.
    objects
        Comma-separated names of the objects to pick; all that the weights find when not given.
    threshold
        Lowest score of a pick, as ``object=0.4`` (may be repeated) or one number for all.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds picks.
    """
    from tomoscout.commands._ledger import Ledger
    from tomoscout.commands._runs import check_objects, choose_runs, kind_to_use, split_names
    from tomoscout.commands._tables import conclude
    from tomoscout.commands._weights import load_weights
    from tomoscout.inference.detect import resolve_thresholds
    from tomoscout.inference.weights import fingerprint
    from tomoscout.io.project import open_project
    from tomoscout.ops.precision import choose_device

    choose_device(device)
    detector = load_weights(model)
    project = open_project(source, voxel_spacing=voxel_spacing)
    kind = kind_to_use(kind, detector, project)
    wanted = split_names(objects, flag="--objects") if objects else detector.objects.names
    limits = resolve_thresholds(detector, _parse(threshold, wanted), objects=wanted)
    check_objects(detector, project, limits)
    chosen = choose_runs(project, runs)
    ledger = Ledger(
        output,
        "pick",
        {
            "model": detector.source,
            "weights": fingerprint(detector),
            "thresholds": limits,
            "kind": kind,
            "voxel_spacing": voxel_spacing,
        },
        overwrite=overwrite,
    )

    def one(run: Run) -> dict[str, Any]:
        found = _pick_run(run, detector, limits, kind=kind, device=device, output=output)
        counts = {name: len(found.of(name)) for name in limits}
        return {"extent": found.extent, "picks": counts}

    with ledger:
        failed = ledger.work(chosen, one)
        conclude(output, ledger.runs, [run.name for run in chosen], failed)


def _pick_run(
    run: Run,
    detector: Detector,
    limits: dict[str, float],
    *,
    kind: str | None,
    device: str,
    output: Path,
) -> Picks:
    """Pick one run; write its copick JSON, and the candidates below the thresholds."""
    from tomoscout.commands._console import progress
    from tomoscout.core.picks import Picks
    from tomoscout.inference.detect import FLOOR, find_all, predict
    from tomoscout.io.picks import write_picks
    from tomoscout.io.picks.copick import write_overlay

    with progress(100, f"pick {run.name}") as bar:
        volume = run.tomogram(kind)
        scores = predict(volume, detector, device=device, progress=bar.fraction)
    # The extent is the tomogram's own, also when it was resampled for the network.
    frame = Picks.empty(run.name, volume.geometry.extent)
    found = Picks.concatenate([frame, find_all(scores, detector, thresholds=limits)])
    floor = dict.fromkeys(limits, FLOOR)
    candidates = Picks.concatenate([frame, find_all(scores, detector, thresholds=floor)])
    write_picks(candidates, output / "candidates" / f"{run.name}.csv")
    write_overlay([found], output, user="tomoscout", session="0", names=list(limits))
    return found


def _parse(pairs: tuple[str, ...], objects: list[str]) -> dict[str, float]:
    """Read ``object=value`` pairs, or one value for all objects."""
    from tomoscout.core.errors import UserError

    limits: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = pair.rpartition("=")
        try:
            value = float(text)
        except ValueError as error:
            raise UserError(f"--threshold {pair}: write object=0.4, or one number") from error
        if not 0 < value <= 1:
            raise UserError(f"--threshold {pair}: a score lies above 0 and at most at 1")
        limits |= {name: value} if equals else dict.fromkeys(objects, value)
    return limits
