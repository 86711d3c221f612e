"""``tomoscout crossval``: a training per held-out run, and one honest score of them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.inference.weights import Detector
    from tomoscout.io.project import Project
    from tomoscout.training.crossval import Part
    from tomoscout.training.recipe import Recipe


def crossval(
    project: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    recipe: str | None = None,
    init: str | None = None,
    folds: str | None = None,
    k: int | None = None,
    objects: Path | None = None,
    voxel_spacing: float | None = None,
    device: str = "auto",
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
) -> None:
    """Train once for every run, holding that run out; score the picks of all held-out runs.

    No run helps to choose the thresholds it is scored with: they come from the other folds; and
    the last weights of each fold are scored, not the best, unless the recipe or --training.keep
    says so. The same command goes on where it was stopped; folds that are done are skipped, so
    several machines can each do some (--folds) and the last one sums up.

    Parameters
    ----------
    project
        Copick config, Kaggle folder, or folder of tomograms with pick files beside them.
    output
        Folder for a training per fold, crossval.csv and crossval.json.
    recipe
        Name of a recipe in the package, or a YAML file; scout when not given, finetune with --init.
    init
        Weights to start every fold from, as 'train' takes them; they should not have seen these
        runs.
    folds
        Comma-separated numbers of the folds to do, from 0; all by default.
    k
        Number of folds that runs are dealt out into; by default each run is a fold of its own.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    settings
        Any setting of the recipe, ``section.key=value``; also as ``--section.key value``.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._crossval import summarise_folds, write_summary
    from tomoscout.commands._weights import load_weights
    from tomoscout.core.errors import UserError
    from tomoscout.core.settings import merge, parse_overrides
    from tomoscout.inference.detect import FLOOR
    from tomoscout.io.project import open_project
    from tomoscout.training.crossval import choose_parts, is_done, plan_parts, read_part
    from tomoscout.training.inherit import default_recipe, inherited
    from tomoscout.training.recipe import read_recipe
    from tomoscout.tuning.out_of_fold import score_folds

    start = None if init is None else load_weights(init)
    name = recipe or default_recipe(start)
    # Weights chosen by their score on the held-out run would be scored on what chose them.
    unseen = {"training": {"keep": "last"}}
    under = merge(unseen, {} if start is None else inherited(start.card))
    checked = read_recipe(name, parse_overrides(settings), under=under)
    if checked.data.source != "project":
        raise UserError(
            "crossval trains on the project's runs: choose a recipe with --data.source project"
        )
    opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    parts = plan_parts(opened, output, k=k)
    for part in choose_parts(parts, _indices(folds)):
        _do(part, opened, checked, start=start, device=device)
    done = [part for part in parts if is_done(part, opened, checked, init=start)]
    if len(done) < 2:
        console.print(f"{len(done)} of {len(parts)} folds done: two or more make a score")
        return
    result = score_folds(
        {part.name: read_part(part, opened) for part in done},
        objects=opened.objects,
        spread=checked.training.threshold_spread,
        floor=FLOOR,
    )
    write_summary(output, result, recipe=name)
    console.print(summarise_folds(result), highlight=False, markup=False)
    if len(done) < len(parts):
        console.print(f"{len(done)} of {len(parts)} folds done so far", highlight=False)
    if looking := _looking(checked):
        console.print(
            f"{', '.join(looking)}: each fold looked at its held-out run, which flatters its score",
            highlight=False,
        )


def _do(
    part: Part, project: Project, recipe: Recipe, *, start: Detector | None, device: str
) -> None:
    """Train a fold and pick its held-out runs, unless that has been done."""
    from tomoscout.commands._console import console, progress
    from tomoscout.commands.train import train_with_bar
    from tomoscout.training.crossval import is_done, pick_held_out

    if is_done(part, project, recipe, init=start):
        console.print(f"fold {part.name}: done before", highlight=False)
        return
    train_with_bar(
        project,
        part.folder,
        recipe=recipe,
        validation=list(part.fold.validation),
        device=device,
        init=start,
        remark=f"fold {part.name}: held out {', '.join(part.fold.validation)}",
    )
    with progress(100, f"pick {part.name}") as bar:
        pick_held_out(part, project, recipe, device=device, progress=bar.fraction)


def _looking(recipe: Recipe) -> list[str]:
    """Return the settings that let scores on the held-out run decide over the weights."""
    training = recipe.training
    looks = {
        "training.keep best": training.keep == "best",
        "training.patience": training.patience > 0,
        "training.schedule plateau": training.schedule == "plateau",
    }
    return [name for name, does in looks.items() if does]


def _indices(folds: str | None) -> list[int] | None:
    """Read comma-separated numbers of folds."""
    from tomoscout.core.errors import UserError

    if folds is None or folds == "all":
        return None
    try:
        return [int(text) for text in folds.split(",")]
    except ValueError as error:
        raise UserError(f"--folds '{folds}': give numbers separated by commas, or all") from error
