"""``tomoscout tune``: thresholds and pickers from held-out runs, stored in the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def tune(
    model: str | None = None,
    project: Path | None = None,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    params: Path | None = None,
    also: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    runs: str | None = None,
    spread: float | None = None,
    shared: Annotated[bool, Parameter(name="--global", negative="")] = False,
    picker: str | None = None,
    settings: Annotated[tuple[str, ...], Parameter(name="--set", show=False)] = (),
    together: bool | None = None,
    search: Literal["none", "grid", "optuna"] = "none",
    trials: int = 50,
    blend_with: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    expected_f: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    scores: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    tta: str | None = None,
    kind: str | None = None,
    voxel_spacing: float | None = None,
    device: str = "auto",
) -> None:
    """Find each object's threshold that scores best (F4) on runs the weights were not trained on.

    The sweep is exact: every threshold that changes a pick is tried. Those stored give way a little
    (--spread), since scores of other tomograms may be lower by a factor. With several folds
    (--also), each one picks its own held-out runs and the picks are pooled. Pickers and their
    settings are searched on request (--search). What is found is written into the weights of all
    of them, or into a copy (--output), and into tuning.json beside them; with --params only into
    that file, which 'pick --params' takes.

    Parameters
    ----------
    model
        Weights: a training folder or a .safetensors file; with --output or --params also a name
        from 'tomoscout models', or a URL with its sha256. When only one thing is given it is the
        project, and the weights are those that come with the package.
    project
        Project with the truth of the held-out runs.
    output
        Folder for a copy of the weights with the new thresholds, instead of changing them.
    params
        File for what is found (JSON); the weights stay as they are then.
    also
        More folds of the same recipe.
    runs
        Comma-separated runs to tune on; the ones held out in training when not given.
    spread
        By what factor scores of other tomograms are expected to be off (standard deviation of its
        logarithm): the thresholds stored hold up to it. The recipe's when not given; 0 stores the
        very thresholds that are best on these runs.
    shared
        One threshold, and one set of a picker's settings, for all objects: where there are too few
        particles for more.
    picker
        How picks are drawn from score maps, such as local_max; its settings are given as
        --picker.distance 1.0. Of several, separated by commas, the best for each object is taken.
        What the weights say when not given.
    together
        Tune picks of one map of all objects, for objects that are sizes or kinds of one thing; the
        picker is then the same for all. What the weights say when not given; it is stored.
    search
        Settings of the picker to look for besides the threshold: none, every combination of a grid,
        or what a sampler proposes. Score maps and trials are kept in tuning.scores and tuning.db
        beside the result, so that a stopped search goes on.
    trials
        Trials of the sampler, per picker and object.
    blend_with
        Other weights to average the scores with; how much each counts is searched, per object. For
        'pick --model A --model B --params', so --params is needed (may be repeated).
    expected_f
        No truth: thresholds for calibrated scores from the F4 that is expected, as 0.78 or
        object=0.78 (may be repeated). The one thing given besides is the weights.
    scores
        Folder of score maps that 'predict' wrote with these weights, so that nothing is predicted
        twice (may be repeated, for several weights).
    tta
        Views that scores are averaged over, as for 'predict'; picking needs the same.
    kind
        Kind of tomogram, such as denoised or wbp; what the weights were trained on by default.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    """
    from tomoscout.commands._tune_expected import tune_expected
    from tomoscout.commands._tune_job import TuneJob
    from tomoscout.commands._tune_maps import MapSource
    from tomoscout.commands._tune_pickers import parse_pickers
    from tomoscout.commands._tune_results import Target, conclude
    from tomoscout.commands._weights import refuse_as_project
    from tomoscout.core.errors import UserError
    from tomoscout.ops.precision import choose_device

    if spread is not None and spread < 0:
        raise UserError(f"--spread {spread:g}: 0 or above")
    if trials < 1:
        raise UserError(f"--trials {trials}: 1 or more")
    choose_device(device)
    if expected_f:
        tune_expected(model, project, expected_f, params=params, output=output)
        return
    if model is None:
        raise UserError("nothing to tune on: give a project with truth, or --expected-f")
    if project is None:
        refuse_as_project(model)
    target = Target.choose(model if project else None, also, output=output, params=params)
    if blend_with and (params is None or also):
        raise UserError(
            "--blend-with: what is found is for several weights together: give a file for it with "
            "--params, and no --also"
        )
    job = TuneJob.open(
        (model if project else None, *also, *blend_with),
        project or Path(model),
        runs=runs,
        blended=bool(blend_with),
        together=together,
        maps=MapSource(scores, target.cache, kind=kind, tta=tta, device=device),
        voxel_spacing=voxel_spacing,
    )
    tuned = job.tune(
        pickers=parse_pickers(picker, settings),
        method=search,
        trials=trials,
        shared=shared,
        spread=spread,
        storage=target.folder / "tuning.db",
    )
    conclude(tuned, target, job.detectors)
