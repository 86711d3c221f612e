"""``tomoscout train``: a detector from a project's annotated runs, or from simulation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.training.run import Trained


def train(
    project: Path | None = None,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    recipe: str | None = None,
    init: str | None = None,
    fold: str = "0",
    validation: str | None = None,
    objects: Path | None = None,
    molecule: tuple[str, ...] = (),
    voxel_spacing: float | None = None,
    device: str = "auto",
    overwrite: bool = False,
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
) -> None:
    """Train a detector on a project's annotated runs; a stopped training is resumed exactly.

    One run (--fold, or --validation) is held out: the weights kept are those that score best
    on it, and their thresholds come from it. Evaluate on other runs.

    With --data.source simulation (or --recipe scout-endless) it learns from tomograms simulated
    meanwhile. A project is then optional, and all its runs serve to validate; without one, the
    weights are validated on simulated tomograms too.

    With --recipe self-taught it learns the dark blobs of tomograms that nobody labelled, and holds
    none out.

    With --recipe contrast-scout, contrast-resnet or contrast-tokens the tomograms alone are looked
    at, without labels; what is left starts a detector of that kind with --init.

    Parameters
    ----------
    project
        Copick config, Kaggle folder, or folder of tomograms with pick files beside them.
    output
        Folder for weights, log and checkpoint.
    recipe
        Name of a recipe in the package, or a YAML file; scout when not given, finetune with --init.
    init
        Weights to start from (fine-tuning): a training folder, a .safetensors file, a name from
        'tomoscout models', or a URL with its sha256. Objects they know keep what was learnt, new
        ones start fresh; settings the recipe does not make are those of the weights.
    fold
        Which run is held out, by sorted name, from 0; ``all`` trains on every run and keeps the
        last weights.
    validation
        Comma-separated runs to hold out instead; ``none`` holds out none.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    molecule
        What a simulated object looks like, ``name=file``: a map or an atomic model, as 'simulate'
        takes them. May be repeated; only with --data.source simulation.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds a training.
    settings
        Any setting of the recipe, ``section.key=value``; also as ``--section.key value``,
        such as ``--training.steps 300`` or ``--model.name unet``.
    """
    from tomoscout.commands._console import console
    from tomoscout.commands._contrast import is_contrastive, train_encoder
    from tomoscout.commands._molecules import read_molecules
    from tomoscout.commands._runs import held_out_names
    from tomoscout.commands._simulated import tables
    from tomoscout.commands._weights import load_weights
    from tomoscout.core.errors import UserError
    from tomoscout.core.objects import CZII, read_objects
    from tomoscout.core.settings import merge, parse_overrides
    from tomoscout.io.project import open_project
    from tomoscout.training.inherit import default_recipe, inherited
    from tomoscout.training.recipe import read_recipe

    if recipe is not None and is_contrastive(recipe):
        given = {
            "--init": init, "--validation": validation, "--molecule": molecule or None,
            "--fold": None if fold == "0" else fold,
        }  # fmt: skip
        train_encoder(
            project, output, recipe=recipe, settings=settings, given=given, objects=objects,
            voxel_spacing=voxel_spacing, device=device, overwrite=overwrite,
        )  # fmt: skip
        return
    start = None if init is None else load_weights(init)
    recipe = recipe or default_recipe(start)
    under = None if start is None else inherited(start.card)
    overrides = parse_overrides(settings)
    if molecule:
        overrides = merge(overrides, {"data": {"molecules": molecule}})
    checked = read_recipe(recipe, overrides, under=under)
    molecules = read_molecules(checked.data.molecules)
    layers = ("defaults", *([f"weights {start.name}"] if start else []), f"recipe {recipe}")
    held_out = held_out_names(validation)
    opened = None
    if project is not None:
        opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    elif voxel_spacing is not None:
        raise UserError(
            "--voxel-spacing is for a project's files; that of simulated tomograms is "
            "--data.scene.voxel-spacing"
        )
    if objects is not None and checked.data.source == "blobs":
        raise UserError(
            f"--objects {objects}: dark blobs are their own objects: leave it out, and say which "
            "sizes there are with --data.blobs.diameters"
        )
    table = read_objects(objects) if objects and opened is None else None
    if molecules:
        if checked.data.source != "simulation":
            raise UserError("--molecule is for simulated tomograms: add --data.source simulation")
        known = table or (CZII if opened is None else opened.objects)
        table, strangers = tables(checked.data, molecules, given=known)
        names = () if strangers is None else tuple(strangers.names)
        data = checked.data.model_copy(update={"distractors": names})
        checked = checked.model_copy(update={"data": data})
    trained = train_with_bar(
        opened,
        output,
        recipe=checked,
        validation=held_out,
        fold=_fold(fold),
        objects=table if opened is None else None,
        molecules=molecules,
        device=device,
        overwrite=overwrite,
        init=start,
        remark=f"settings: {' < '.join(layers)} < flags: {', '.join(settings) or 'none'}",
    )
    score = trained.detector.card.score
    if score:
        told = "  ".join(f"{name} {value:.3f}" for name, value in score.items())
        console.print(
            f"F4 on {', '.join(trained.fold.validation)}, at its best thresholds: {told}",
            highlight=False,
        )
    console.print(f"weights: {trained.folder / 'model.safetensors'}", highlight=False)
    console.print(
        f"next: tomoscout pick TOMOGRAMS --model {trained.folder} -o picks/", highlight=False
    )


def train_with_bar(*args: object, remark: str, **kwargs: object) -> Trained:
    """Train while a bar shows the step, the loss, F4 and the time left.

    The remark is made when the first step is done: until then the input may turn out wrong,
    which is told in one line.
    """
    from tomoscout.commands._console import progress, status
    from tomoscout.training.progress import Progress
    from tomoscout.training.run import train as train_project

    with progress(1, "read") as bar:

        def tell(now: Progress) -> None:
            if not bar.progress.tasks[bar.task].completed:
                status.print(remark, highlight=False, markup=False)
            bar.progress.update(bar.task, total=now.steps, description="train")
            f4 = "" if math.isnan(now.f_beta) else f"  F4 {now.f_beta:.3f}, best {now.best:.3f}"
            bar.update(now.step, f"loss {now.loss:.4f}{f4}")

        return train_project(*args, **kwargs, tell=tell)  # type: ignore[arg-type]


def _fold(text: str) -> int | str:
    """Read the number of a fold, or ``all``."""
    from tomoscout.core.errors import UserError

    if text == "all":
        return text
    try:
        return int(text)
    except ValueError as error:
        raise UserError(f"--fold '{text}': give the number of a run, from 0, or all") from error
