"""``tomoscout teach``: a classifier of what lies at picks, from annotated runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def teach(
    project: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    recipe: str = "transformer",
    fold: int = 0,
    validation: str | None = None,
    init: str | None = None,
    objects: Path | None = None,
    voxel_spacing: float | None = None,
    device: str = "auto",
    overwrite: bool = False,
    settings: Annotated[tuple[str, ...], Parameter(name="--set", show=False)] = (),
) -> None:
    """Teach a classifier to tell particles from one another and from background, crop by crop.

    It learns from crops at picks, at places that look like particles and are none, and anywhere. It
    finds nothing by itself: 'tomoscout classify' has it look at the picks of something else. One
    run is held out, and says how often it is right. A stopped training is resumed exactly.

    Parameters
    ----------
    project
        Copick config, Kaggle folder, or folder of tomograms with pick files beside them.
    output
        Folder for weights, log and checkpoint.
    recipe
        linear, transformer, puzzle or puzzle-rotate, or a YAML file. Any setting of it is a flag:
        --training.steps 300.
    fold
        Which run is held out, by sorted name, from 0.
    validation
        Comma-separated runs to hold out instead; ``none`` holds out none.
    init
        Encoder that the network starts from, trained without labels on any tomograms of the kind:
        the folder of 'tomoscout discover' or 'find', that of 'tomoscout train' with such a recipe,
        or a .safetensors file. Backbone, crops and grey values are then the encoder's.
    objects
        Table of objects (YAML or copick config), instead of the project's own.
    voxel_spacing
        Edge of a voxel in Å, where the files' headers do not say.
    device
        auto, cpu, cuda or cuda:N.
    overwrite
        Start anew in a folder that already holds a training.
    """
    from tomoscout.commands._console import console, progress
    from tomoscout.commands._runs import held_out_names
    from tomoscout.core.settings import parse_overrides
    from tomoscout.inference.classifier_weights import FILE_NAME
    from tomoscout.inference.encoder_weights import load_encoder
    from tomoscout.io.project import open_project
    from tomoscout.training.classify import classify
    from tomoscout.training.classify_recipe import read_classify_recipe
    from tomoscout.training.progress import Progress

    start = None if init is None else load_encoder(init)
    overrides = parse_overrides(settings)
    checked = read_classify_recipe(recipe, overrides, init=start.card if start else None)
    opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    with progress(100, "read and find candidates") as bar:

        def tell(now: Progress) -> None:
            bar.progress.update(bar.task, total=now.steps, description="teach")
            right = "" if math.isnan(now.accuracy) else f"  {now.accuracy:.0%} right"
            bar.update(now.step, f"loss {now.loss:.4f}{right}")

        done = classify(
            opened, output, recipe=checked, validation=held_out_names(validation), fold=fold,
            init=start, device=device, overwrite=overwrite, tell=tell, read=bar.fraction,
        )  # fmt: skip
    if score := done.classifier.card.score:
        told = "  ".join(f"{name} {value:.3f}" for name, value in score.items())
        console.print(f"right on {', '.join(done.fold.validation)}: {told}", highlight=False)
    console.print(f"weights: {done.folder / FILE_NAME}", highlight=False)
    console.print(
        f"next: tomoscout classify PROJECT --picks PICKS --model {done.folder} -o OUT",
        highlight=False,
    )
