"""Runs as the training of a classifier needs them: tomograms in memory, and what lies where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.data.candidates import candidates_in
from tomoscout.data.labelled import BACKGROUND
from tomoscout.data.places import Places
from tomoscout.io.project import Project, Run
from tomoscout.training._places import held, labels_of, load_each
from tomoscout.training.classify_recipe import ClassifyRecipe


def load_labelled(
    project: Project, recipe: ClassifyRecipe, read: Callable[[float], None] | None = None
) -> list[Places]:
    """Load the runs of a project, in their order.

    Parameters
    ----------
    project
        Runs with picks.
    recipe
        How they are normalised, and how what looks like a particle is found.
    read
        Told the share that is done, 0 to 1.

    Raises
    ------
    UserError
        If a tomogram or its picks cannot be read, or voxel spacings differ.
    """
    return load_each(project.runs, partial(_find, recipe=recipe, objects=project.objects), read)


def _find(run: Run, recipe: ClassifyRecipe, objects: ObjectTable) -> Places:
    """Load a run, and find where particles and what looks like them lie."""
    volume = run.tomogram(recipe.kind).load()
    picks = run.picks()
    zyx, labels = [picks.zyx], [labels_of(picks, objects)]
    if recipe.background and recipe.lookalikes:
        bright, seed = recipe.normalise.invert, recipe.training.seed
        zyx.append(candidates_in(volume, recipe.candidates, bright=bright, seed=seed))
        labels.append(np.full(len(zyx[-1]), BACKGROUND))
    kept = held(volume, slab=recipe.slab, normalise=recipe.normalise)
    return Places(kept, np.concatenate(zyx), np.concatenate(labels))


def check_learnable(places: Sequence[Places], objects: ObjectTable) -> None:
    """Refuse objects that no run has an example of.

    Raises
    ------
    UserError
        If there is one; it names all.
    """
    present = set(np.concatenate([place.labels for place in places]).tolist())
    missing = [name for name in objects.names if objects.label(name) not in present]
    if missing:
        raise UserError(
            f"no pick of {', '.join(missing)} in the runs to train on: leave it out of the table "
            "of objects (--objects), or train on runs that have some"
        )
