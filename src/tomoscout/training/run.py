"""Train a detector, from runs or simulation to weights; resumes where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.data.folds import Fold
from tomoscout.inference.weights import Detector, fingerprint, load_detector, out_channels
from tomoscout.io.project import DEFAULT_OBJECTS, Project, open_project
from tomoscout.losses import LOSSES
from tomoscout.models import MODELS
from tomoscout.ops.precision import choose_device
from tomoscout.simulation.molecules import Molecule
from tomoscout.training._folder import find_checkpoint
from tomoscout.training._material import choose_runs, load_material
from tomoscout.training.fit import Job, fit
from tomoscout.training.inherit import check_spacing, check_start, default_recipe, inherited
from tomoscout.training.progress import Progress
from tomoscout.training.recipe import Recipe, read_recipe


@dataclass(frozen=True)
class Trained:
    """What a training left behind.

    Attributes
    ----------
    detector
        The weights that scored best on the validation runs (the last ones without any).
    folder
        Holds ``model.safetensors``, ``history.csv``, ``recipe.yaml`` and ``last.ckpt``.
    fold
        Runs trained and validated on.
    """

    detector: Detector
    folder: Path
    fold: Fold


def train(
    project: Project | str | Path | None,
    output: str | Path,
    *,
    recipe: Recipe | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    validation: Sequence[str] | None = None,
    fold: int = 0,
    objects: ObjectTable | None = None,
    init: Detector | str | Path | None = None,
    molecules: Mapping[str, Molecule] | None = None,
    device: str = "auto",
    overwrite: bool = False,
    tell: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train a detector.

    Parameters
    ----------
    project
        Project with picks, or its path; runs without picks are left out. A recipe that trains on
        simulated tomograms (``data.source``) needs none, and validates on one that is given.
    output
        Folder for the results. One that holds an unfinished training with the same recipe and
        runs is resumed, bit for bit.
    recipe
        Recipe, or its name or path; ``scout`` when not given, or with ``init`` ``finetune``.
    settings
        Nested settings laid over the recipe.
    validation
        Runs held out to validate on; an empty list holds out none.
    fold
        Which run (leave-one-out, by sorted name) is held out when ``validation`` is not given.
        Of a project that is not trained on, all runs are.
    objects
        What to simulate where there is no project; a project has a table of its own.
    init
        Weights to start from (fine-tuning), or their name, path or URL: see ``inherit`` for the
        settings they bring, and ``transfer`` for what is taken over when the objects differ.
    molecules
        Looks of simulated objects, by name, instead of the package's models.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    overwrite
        Start anew in a folder that already holds a training.
    tell
        Called after every step with where the training stands.

    Raises
    ------
    UserError
        If the project, the recipe, the fold or the output folder does not allow it.
    """
    if project is not None and not isinstance(project, Project):
        project = open_project(Path(project))
    if init is not None and not isinstance(init, Detector):
        init = load_detector(init)
    if not isinstance(recipe, Recipe):
        recipe = read_recipe(
            recipe or default_recipe(init), settings, under=inherited(init.card) if init else None
        )
    chosen = choose_runs(project, recipe, validation=validation, fold=fold)
    table = (objects or DEFAULT_OBJECTS) if project is None else project.objects
    if init is not None:
        check_start(init, recipe, chosen.validation)
    _check_network(recipe, table)
    where = choose_device(device)
    folder = Path(output)
    record = {
        "recipe": recipe.model_dump(mode="json"),
        "objects": {entry.name: entry.radius for entry in table.each()},
        "train": list(chosen.train),
        "validation": list(chosen.validation),
    }
    if init is not None:  # its name may stand for other weights another day
        record["init"] = fingerprint(init)
    resume = find_checkpoint(folder, record, overwrite=overwrite)
    material = load_material(project, chosen, recipe, table, molecules)
    if init is not None:
        check_spacing(init, material.voxel_spacing)
    job = Job(
        material.supply,
        material.voxel_spacing,
        material.validation,
        objects=table,
        recipe=recipe,
        fold=chosen,
        folder=folder,
        record=record,
        overwrite=overwrite,
        device=where,
        resume=resume,
        init=init,
    )
    return Trained(load_detector(fit(job, tell)), folder, chosen)


def _check_network(recipe: Recipe, objects: ObjectTable) -> None:
    """Refuse settings that the network would stumble over at its first step."""
    module, settings = recipe.model.resolve(MODELS)
    channels = out_channels(recipe.loss.resolve(LOSSES)[0].ACTIVATION, objects.names)
    with torch.device("meta"):  # costs nothing, and leaves the random numbers alone
        network = module.build(settings, 1, channels)
    patch, divisor = recipe.sampling.patch, network.divisor
    if any(n % d for n, d in zip(patch, divisor, strict=True)):
        right = [max(1, round(n / d)) * d for n, d in zip(patch, divisor, strict=True)]
        raise UserError(
            f"sampling.patch {patch}: network '{recipe.model.name}' needs multiples of {divisor} "
            f"voxels (z, y, x): use {','.join(map(str, right))}"
        )
    weights, outputs = recipe.training.level_weights, len(network.strides)
    if weights and len(weights) != outputs:
        raise UserError(
            f"training.level_weights {weights}: network '{recipe.model.name}' has {outputs} "
            f"output{'s' * (outputs > 1)}: give as many weights, or none"
        )
