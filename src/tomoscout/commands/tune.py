"""``tomoscout tune``: thresholds from held-out runs, stored in the weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomoscout.core.picks import Picks
    from tomoscout.inference.weights import Detector
    from tomoscout.io.project import Project


def tune(
    model: Path,
    project: Path,
    *,
    also: tuple[Path, ...] = (),
    runs: str | None = None,
    kind: str | None = None,
    voxel_spacing: float | None = None,
    device: str = "auto",
) -> None:
    """Find each object's threshold that scores best (F4) on runs the weights were not trained on.

    The sweep is exact: every threshold that changes a pick is tried. With several folds
    (--also), each one picks its own held-out runs and the picks are pooled. The thresholds are
    written into the weights of all of them, and the details into tuning.json.

    Parameters
    ----------
    model
        Training folder, or a .safetensors file.
    project
        Project with the truth of the held-out runs.
    also
        More folds of the same recipe.
    runs
        Comma-separated runs to tune on; the ones held out in training when not given.
    kind
        Kind of tomogram, such as denoised or wbp.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._runs import check_objects
    from tomoscout.inference.weights import find_weights, load_detector, save_detector
    from tomoscout.io._atomic import write_json
    from tomoscout.io.project import open_project
    from tomoscout.training.callbacks import summarise
    from tomoscout.tuning.thresholds import sweep

    detectors = {find_weights(path): load_detector(path) for path in (model, *also)}
    opened = open_project(project, voxel_spacing=voxel_spacing)
    found: list[Picks] = []
    truth: list[Picks] = []
    for detector in detectors.values():
        check_objects(detector, opened)
        for run in _held_out(detector, opened, runs):
            found.append(_candidates(detector, opened, run, kind=kind, device=device))
            truth.append(opened[run].picks())
    table = next(iter(detectors.values())).objects
    sweeps = sweep(found, truth, objects=table)
    thresholds = {name: float(s.best.threshold) for name, s in sweeps.items()}
    scores = summarise(sweeps, {entry.name: entry.weight for entry in table.each()})
    tuned_on = tuple(part.run for part in truth)
    for path, detector in detectors.items():
        tuned = detector.with_thresholds(thresholds, tuned_on)
        save_detector(tuned, path)
        write_json(
            path.with_name("tuning.json"),
            {"runs": list(tuned_on), "thresholds": thresholds, "f4": scores},
            overwrite=True,
        )
    for name, threshold in thresholds.items():
        n = sum(len(part.of(name)) for part in truth)
        few = "  (few particles: do not trust it far)" if n < 20 else ""
        console.print(
            f"{name:24s} threshold {threshold:.3f}  F4 {scores[name]:.3f}  of {n}{few}",
            highlight=False,
        )
    console.print(
        f"weighted F4 {scores['weighted']:.3f} on {', '.join(tuned_on)}: the runs it was tuned on, "
        "so expect less elsewhere",
        highlight=False,
    )


def _held_out(detector: Detector, project: Project, runs: str | None) -> list[str]:
    """Return the runs to tune on, refusing those the weights were trained on."""
    from tomoscout.core.errors import UserError

    if runs is None:
        annotated = [run.name for run in project.runs if run.has_picks]
        names = [name for name in annotated if name not in detector.card.trained_on]
    else:
        names = [project[name.strip()].name for name in runs.split(",") if name.strip()]
    seen = sorted(set(names) & set(detector.card.trained_on))
    if seen or not names:
        what = f"was trained on {', '.join(seen)}" if seen else "was trained on every run of it"
        raise UserError(
            f"{detector.source}: {what}; thresholds found there would be too high or low "
            "elsewhere: give other runs with --runs"
        )
    return names


def _candidates(
    detector: Detector, project: Project, run: str, *, kind: str | None, device: str
) -> Picks:
    """Return all picks of one run that could pass any sensible threshold."""
    from dataclasses import replace

    from tomoscout.commands._console import progress
    from tomoscout.inference.detect import FLOOR, pick

    floor = dict.fromkeys(detector.objects.names, FLOOR)
    with progress(100, f"pick {run}") as bar:
        volume = project[run].tomogram(kind)
        found = pick(volume, detector, thresholds=floor, device=device, progress=bar.fraction)
    return replace(found, run=run)
