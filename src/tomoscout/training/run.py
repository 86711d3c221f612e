"""Train a detector, from runs or simulation to weights; resumes where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.data.folds import Fold
from tomoscout.inference.weights import Detector, load_detector
from tomoscout.io.project import Project, open_project
from tomoscout.ops.precision import choose_device
from tomoscout.simulation.molecules import Molecule
from tomoscout.training._checks import check_parts, check_watching
from tomoscout.training._folder import find_checkpoint
from tomoscout.training._material import choose_runs, load_material, objects_of
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
    fold: int | Literal["all"] = 0,
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
        simulated tomograms (``data.source``) needs none, and validates on one that is given; one
        that trains on dark blobs draws from all runs, looks at no picks and holds none out.
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
        Of a project that is not trained on, all runs are. ``all`` trains on every run and keeps
        the last weights.
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
    chosen = _choose(project, recipe, validation, fold)
    table = objects_of(project, recipe, objects)
    if init is not None:
        check_start(init, recipe, chosen.validation)
    check_parts(recipe, table)
    check_watching(recipe, chosen.validation)
    where = choose_device(device)
    folder = Path(output)
    record = record_of(recipe, chosen, table, init)
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


def record_of(
    recipe: Recipe, fold: Fold, objects: ObjectTable, init: Detector | None = None
) -> dict[str, Any]:
    """Return what a training's folder is marked with: all that its result depends on."""
    record = {
        "recipe": recipe.model_dump(mode="json"),
        "objects": {entry.name: entry.radius for entry in objects.each()},
        "train": list(fold.train),
        "validation": list(fold.validation),
    }
    if init is not None:  # its name may stand for other weights another day
        record["init"] = init.fingerprint
    return record


def _choose(
    project: Project | None,
    recipe: Recipe,
    validation: Sequence[str] | None,
    fold: int | Literal["all"],
) -> Fold:
    """Say which runs are trained on and which are held out."""
    if fold != "all":
        return choose_runs(project, recipe, validation=validation, fold=fold)
    if validation:
        raise UserError(
            f"fold all holds out no run, but {', '.join(validation)} should be validated on: "
            "choose one of both"
        )
    return choose_runs(project, recipe, validation=[], fold=0)
