"""What a training learns from and is checked on: a project's runs, or simulation, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.blobs import blob_objects, blobs_in, check_blobs
from tomoscout.data.folds import Fold, split, validate_only
from tomoscout.data.module import Supply
from tomoscout.data.pool import Pool
from tomoscout.data.runs import load_runs
from tomoscout.data.simulated import SimulatedTomograms, validation_names, validation_tomograms
from tomoscout.data.streams import Streams
from tomoscout.io.project import DEFAULT_OBJECTS, Project, Run
from tomoscout.simulation.molecules import Molecule
from tomoscout.targets import TARGETS, needs_labels
from tomoscout.training._runs import annotated, drawn
from tomoscout.training.recipe import Recipe
from tomoscout.training.validation import ValidationRun


class Material(NamedTuple):
    """What has been loaded or can be simulated."""

    supply: Supply
    """What patches are cut from."""
    voxel_spacing: float
    """Of the tomograms trained on, in ångström."""
    validation: list[ValidationRun]
    """Held-out tomograms with their truth."""


def choose_runs(
    project: Project | None, recipe: Recipe, *, validation: Sequence[str] | None, fold: int
) -> Fold:
    """Say which runs are trained on and which are held out; nothing is read yet.

    Raises
    ------
    UserError
        If there is no project though one is needed, or it does not allow the choice.
    """
    if recipe.data.source != "simulation":
        if project is None:
            raise UserError(
                "no project to train on: give one, or train on simulated tomograms with "
                "--data.source simulation"
            )
        if recipe.data.source == "blobs":
            return _unlabelled(project, recipe, validation, fold)
        return split(annotated(project, "train"), fold=fold, validation=validation)
    if project is not None:
        return validate_only(annotated(project, "validate"), validation)
    if validation:
        raise UserError(
            f"validation runs {', '.join(validation)}: there is no project to hold them out from; "
            "data.validation says how many tomograms are simulated to validate on"
        )
    return Fold(train=(), validation=() if validation == [] else validation_names(recipe.data))


def objects_of(project: Project | None, recipe: Recipe, given: ObjectTable | None) -> ObjectTable:
    """Return the objects that are learnt: blobs by size, the project's, or those given."""
    if recipe.data.source == "blobs":
        return blob_objects(recipe.data.blobs)
    return (given or DEFAULT_OBJECTS) if project is None else project.objects


def _unlabelled(
    project: Project, recipe: Recipe, validation: Sequence[str] | None, fold: int
) -> Fold:
    """Draw from all runs: without labels there is nothing to validate on."""
    if validation or fold:
        given = f"validation runs {', '.join(validation)}" if validation else f"fold {fold}"
        raise UserError(
            f"{given}: dark blobs (data.source blobs) are no truth to validate on: leave it out"
        )
    if needs_labels(recipe.target.resolve(TARGETS)[0]):
        raise UserError(
            f"target '{recipe.target.name}': it takes label volumes, and dark blobs have none: "
            "choose spheres"
        )
    names = sorted(run.name for run in project.runs if run.tomograms)
    if not names:
        raise UserError(f"{project.path}: no tomograms in it to learn from")
    most, seed = recipe.data.blobs.tomograms, recipe.training.seed
    return Fold(train=tuple(drawn(names, most, seed=seed)), validation=())


def load_material(
    project: Project | None,
    fold: Fold,
    recipe: Recipe,
    objects: ObjectTable,
    molecules: Mapping[str, Molecule] | None = None,
) -> Material:
    """Load the runs that were chosen, and simulate what there is to simulate at the start.

    Raises
    ------
    UserError
        If a tomogram or its picks cannot be read, or an object occurs in none.
    """
    supply: Supply
    if recipe.data.source == "simulation":
        supply, voxel_spacing = (
            _simulated(project, recipe, objects, molecules),
            recipe.data.scene.voxel_spacing,
        )
    else:
        runs = load_runs(
            _runs(project, fold.train, picked=recipe.data.source == "project"),
            recipe.normalise,
            kind=recipe.kind,
            kinds=recipe.kinds,
            needs_labels=_learns_from_labels(recipe),
            labels=recipe.data.labels,
            find=_finder(recipe),
        )
        if recipe.data.source == "blobs":
            check_blobs([run.picks for run in runs], recipe.data.blobs)
        supply = Pool(runs, objects=objects, sampling=recipe.sampling)
        voxel_spacing = runs[0].voxel_spacing
    return Material(supply, voxel_spacing, _validation(project, fold, recipe, objects, molecules))


def _finder(recipe: Recipe) -> Callable[[Volume], Picks] | None:
    """Return what finds particles where picks are not to be looked at."""
    if recipe.data.source != "blobs":
        return None
    return partial(blobs_in, settings=recipe.data.blobs, bright=recipe.normalise.invert)


def _runs(project: Project | None, names: Sequence[str], *, picked: bool = True) -> list[Run]:
    """Return the runs of these names, those with picks only where these are learnt."""
    runs = () if project is None else project.runs
    by_name = {run.name: run for run in runs if run.has_picks or not picked}
    return [by_name[name] for name in names]


def _simulated(
    project: Project | None,
    recipe: Recipe,
    objects: ObjectTable,
    molecules: Mapping[str, Molecule] | None,
) -> SimulatedTomograms:
    """Make the endless supply, in step with the loader that will ask it."""
    settings, kinds = recipe.training, recipe.kinds
    if project is None and recipe.kind is not None:
        kinds = kinds or (recipe.kind,)  # a project's kind may be none that can be simulated
    streams = Streams(
        recipe.data.streams,
        batches=settings.batches,
        batch_size=settings.batch_size,
        processes=settings.processes,
    )
    return SimulatedTomograms(
        recipe.data,
        objects=objects,
        sampling=recipe.sampling,
        normalise=recipe.normalise,
        streams=streams,
        seed=settings.seed,
        molecules=molecules,
        kinds=kinds,
        needs_labels=_learns_from_labels(recipe),
    )


def _learns_from_labels(recipe: Recipe) -> bool:
    """Tell whether the target needs label volumes beside the picks."""
    return needs_labels(recipe.target.resolve(TARGETS)[0])


def _validation(
    project: Project | None,
    fold: Fold,
    recipe: Recipe,
    objects: ObjectTable,
    molecules: Mapping[str, Molecule] | None,
) -> list[ValidationRun]:
    """Load or simulate the held-out tomograms."""
    if not fold.validation:
        return []
    if project is None:
        bright = recipe.normalise.invert
        made = validation_tomograms(
            recipe.data, objects=objects, molecules=molecules, bright=bright, kind=recipe.kind
        )
        return [ValidationRun(volume, truth) for volume, truth in made]
    return [
        ValidationRun(run.tomogram(recipe.kind).load(), run.picks())
        for run in _runs(project, fold.validation)
    ]
