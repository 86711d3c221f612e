"""``tomoscout tune``: thresholds from held-out runs, stored in the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.core.objects import ObjectTable
    from tomoscout.core.picks import Picks
    from tomoscout.inference.weights import Detector
    from tomoscout.io.project import Project


def tune(
    model: str,
    project: Path | None = None,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    also: tuple[str, ...] = (),
    runs: str | None = None,
    spread: float | None = None,
    kind: str | None = None,
    voxel_spacing: float | None = None,
    device: str = "auto",
) -> None:
    """Find each object's threshold that scores best (F4) on runs the weights were not trained on.

    The sweep is exact: every threshold that changes a pick is tried. Those stored give way a little
    (--spread), since scores of other tomograms may be lower by a factor. With several folds
    (--also), each one picks its own held-out runs and the picks are pooled. The thresholds are
    written into the weights of all of them, or into a copy (--output), and the details into
    tuning.json.

    Parameters
    ----------
    model
        Weights: a training folder or a .safetensors file; with --output also a name from
        'tomoscout models', or a URL with its sha256. When only one thing is given it is the
        project, and the weights are those that come with the package.
    project
        Project with the truth of the held-out runs.
    output
        Folder for a copy of the weights with the new thresholds, instead of changing them.
    also
        More folds of the same recipe.
    runs
        Comma-separated runs to tune on; the ones held out in training when not given.
    spread
        By what factor scores of other tomograms are expected to be off (standard deviation of its
        logarithm): the thresholds stored hold up to it. The recipe's when not given; 0 stores the
        very thresholds that are best on these runs.
    kind
        Kind of tomogram, such as denoised or wbp; what the weights were trained on by default.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._runs import check_objects, kind_to_use
    from tomoscout.commands._weights import load_weights, refuse_as_project, targets_of_tuning
    from tomoscout.core.errors import UserError
    from tomoscout.core.picks import Picks
    from tomoscout.inference.detect import FLOOR
    from tomoscout.inference.weights import save_detector
    from tomoscout.io._atomic import write_json
    from tomoscout.io.project import open_project
    from tomoscout.ops.precision import choose_device
    from tomoscout.training.validation import summarise
    from tomoscout.tuning.thresholds import sweep

    if spread is not None and spread < 0:
        raise UserError(f"--spread {spread:g}: 0 or above")
    choose_device(device)
    if project is None:
        refuse_as_project(model)
    models = (model if project else None, *also)
    targets = targets_of_tuning(models, output)
    detectors = dict(zip(targets, map(load_weights, models), strict=True))
    opened = open_project(project or Path(model), voxel_spacing=voxel_spacing)
    for detector in detectors.values():
        check_objects(detector, opened)
    table = _one_table(list(detectors.values()))
    held_out = [(d, run) for d in detectors.values() for run in _held_out(d, opened, runs)]
    known = {run: opened[run].picks() for _, run in held_out}
    found: list[Picks] = []
    truth: list[Picks] = []
    for detector, run in held_out:
        wanted = kind_to_use(kind, detector, opened)
        candidates = _candidates(detector, opened, run, kind=wanted, device=device)
        # A run that two detectors have not seen counts once for each.
        name = f"{detector.source}: {run}"
        found.append(replace(candidates, run=name))
        truth.append(Picks.concatenate([replace(known[run].of(o), run=name) for o in table.names]))
    sweeps = sweep(found, truth, objects=table, floor=FLOOR)
    if spread is None:
        recipe = next(iter(detectors.values())).card.recipe
        spread = float(recipe.get("training", {}).get("threshold_spread", 0.0))
    steady = {name: s.steady(spread) for name, s in sweeps.items()}
    thresholds = {name: point.threshold for name, point in steady.items()}
    scores = summarise(sweeps, {entry.name: entry.weight for entry in table.each()})
    tuned_on = tuple(known)
    for path, detector in detectors.items():
        tuned = detector.with_thresholds(thresholds, tuned_on)
        save_detector(tuned, path)
        write_json(
            path.with_name("tuning.json"),
            {"runs": list(tuned_on), "spread": spread, "thresholds": thresholds, "f4": scores},
            overwrite=True,
        )
    for name, threshold in thresholds.items():
        best = sweeps[name].best
        console.print(
            f"{name:24s} threshold {threshold:.3f}  F4 {steady[name].f_beta:.3f}"
            f"   (best {best.f_beta:.3f} at {best.threshold:.3f})  of {sweeps[name].n_truth}",
            highlight=False,
        )
    for caution in filter(None, (s.caution for s in sweeps.values())):
        console.print(caution, highlight=False)
    console.print(
        f"best weighted F4 {scores['weighted']:.3f} on {', '.join(tuned_on)}, the runs it was "
        "tuned on: expect less elsewhere",
        highlight=False,
    )


def _one_table(detectors: Sequence[Detector]) -> ObjectTable:
    """Return the objects that all detectors find, refusing detectors of different ones."""
    from tomoscout.core.errors import UserError

    first = detectors[0]
    for other in detectors[1:]:
        if other.objects.names != first.objects.names:
            raise UserError(
                f"{other.source} finds {', '.join(other.objects.names)}, but {first.source} "
                f"{', '.join(first.objects.names)}: give folds of one recipe and project"
            )
    return first.objects


def _held_out(detector: Detector, project: Project, runs: str | None) -> list[str]:
    """Return the runs to tune on, refusing those the weights were trained on."""
    from tomoscout.commands._runs import choose_runs
    from tomoscout.core.errors import UserError

    if runs is None:
        annotated = [run.name for run in project.runs if run.has_picks]
        if not annotated:
            raise UserError(f"{project.path}: no run has picks to compare with")
        names = [name for name in annotated if name not in detector.card.trained_on]
    else:
        names = [run.name for run in choose_runs(project, runs)]
    seen = sorted(set(names) & set(detector.card.trained_on))
    if seen or not names:
        every = f"was trained on every annotated run of {project.path}"
        what = f"was trained on {', '.join(seen)}" if seen else every
        raise UserError(
            f"{detector.source}: {what}; thresholds found there would be too high or low "
            "elsewhere: give other runs with --runs"
        )
    return names


def _candidates(
    detector: Detector, project: Project, run: str, *, kind: str | None, device: str
) -> Picks:
    """Return all picks of one run that could pass any sensible threshold."""
    from tomoscout.commands._console import progress
    from tomoscout.inference.detect import FLOOR, pick

    floor = dict.fromkeys(detector.objects.names, FLOOR)
    with progress(100, f"pick {run}") as bar:
        volume = project[run].tomogram(kind)
        return pick(volume, detector, thresholds=floor, device=device, progress=bar.fraction)
