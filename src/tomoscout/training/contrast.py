"""Train an encoder without labels, from tomograms to weights; resumes where it was stopped.

Views of one place should look alike to it and views of different places should not: what stays the
same when contrast, noise and pose change is what a particle is. Chen et al., 2020,
arXiv:2002.05709.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.data.candidates import candidates_in
from tomoscout.data.places import Places
from tomoscout.data.views import PairDataset, collate_pairs
from tomoscout.inference.encoder_card import EncoderCard
from tomoscout.inference.encoder_weights import (
    FILE_NAME,
    EncoderWeights,
    build_encoder,
    load_encoder,
    save_encoder,
)
from tomoscout.inference.weights import FILE_NAME as DETECTOR_FILE
from tomoscout.inference.weights import save_detector
from tomoscout.io.project import Project, Run
from tomoscout.objectives import OBJECTIVES
from tomoscout.ops.precision import channels_last
from tomoscout.training._places import held, labels_of, load_each
from tomoscout.training._runs import drawn
from tomoscout.training.around import Watch
from tomoscout.training.contrast_recipe import ContrastRecipe
from tomoscout.training.contrastive import ContrastiveModule
from tomoscout.training.course import open_course
from tomoscout.training.handover import detector_of, sized_for
from tomoscout.training.progress import Progress


@dataclass(frozen=True)
class Contrasted:
    """What a contrastive training left behind.

    Attributes
    ----------
    encoder
        The encoder, ready for use.
    folder
        Holds ``encoder.safetensors``, ``history.csv``, ``recipe.yaml`` and ``last.ckpt``; and
        ``model.safetensors`` where the encoder is a detector's, for ``train --init``.
    runs
        Runs it was trained on.
    """

    encoder: EncoderWeights
    folder: Path
    runs: tuple[str, ...]


def contrast(
    project: Project,
    output: str | Path,
    *,
    recipe: ContrastRecipe,
    runs: Sequence[str] | None = None,
    device: str = "auto",
    overwrite: bool = False,
    tell: Callable[[Progress], None] | None = None,
    read: Callable[[float], None] | None = None,
) -> Contrasted:
    """Train an encoder on the tomograms of a project; picks are looked at only where asked for.

    Parameters
    ----------
    project
        Tomograms.
    output
        Folder for the results. One that holds an unfinished training with the same recipe and runs
        is resumed, bit for bit.
    recipe
        All settings.
    runs
        Runs to train on; all when not given. Of many, the recipe's number of them is drawn.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    overwrite
        Start anew in a folder that already holds a training.
    tell
        Called after every step with where the training stands.
    read
        Told the share of the tomograms that has been read, 0 to 1.

    Raises
    ------
    UserError
        If a tomogram cannot be read, the objective needs labels that are not there, or the output
        folder does not allow it.
    """
    given = project.select(runs if runs is not None else project.names).runs
    chosen = drawn(given, recipe.tomograms, seed=recipe.training.seed)
    if not chosen:
        raise UserError(f"{project.path}: no tomograms in it to learn from")
    recipe = sized_for(recipe, project.objects)
    names = tuple(run.name for run in chosen)
    record = {"recipe": recipe.model_dump(mode="json"), "train": list(names), "contrast": True}
    course = open_course(
        output, record, recipe=recipe, weights=FILE_NAME, device=device, overwrite=overwrite
    )
    weights_path = course.folder / FILE_NAME
    if course.is_done:
        return Contrasted(load_encoder(weights_path), course.folder, names)
    load = partial(find_places, recipe=recipe, objects=project.objects)
    places = load_each(chosen, load, read)
    settings = recipe.training
    torch.manual_seed(settings.seed)
    weights = untrained(recipe, places[0].volume.voxel_spacing, names)
    module, choice = recipe.objective.resolve(OBJECTIVES)
    network: Any = weights.network
    objective = module.build(choice, projection=network.projection)
    dataset = PairDataset(
        places,
        crop=weights.card.crop,
        views=recipe.views,
        at_places=recipe.at_candidates,
        shift=recipe.shift,
        seed=settings.seed,
    )

    def save() -> None:
        save_encoder(weights, weights_path)
        if (detector := detector_of(weights, project.objects)) is not None:
            save_detector(detector, course.folder / DETECTOR_FILE)

    scores: dict[str, Any] = {}
    course.run(
        ContrastiveModule(network, objective, settings),
        dataset,
        partial(collate_pairs, apart=recipe.apart),
        columns=_watched(objective, network),
        scores=scores,
        validating=[Watch(scores)],
        progress=Progress(steps=settings.steps),
        tell=tell,
        save=save,
    )
    return Contrasted(load_encoder(weights_path), course.folder, names)


def find_places(run: Run, recipe: ContrastRecipe, objects: ObjectTable) -> Places:
    """Load a run and find where to cut: at candidates, or at picks where labels are used."""
    volume = run.tomogram(recipe.kind).load()
    if getattr(OBJECTIVES[recipe.objective.name], "NEEDS_LABELS", False):
        picks = run.picks()
        zyx, labels = picks.zyx, labels_of(picks, objects)
    else:
        bright, seed = recipe.normalise.invert, recipe.training.seed
        zyx = candidates_in(volume, recipe.candidates, bright=bright, seed=seed)
        labels = np.full(len(zyx), -1)
    return Places(held(volume, slab=recipe.slab, normalise=recipe.normalise), zyx, labels)


def untrained(
    recipe: ContrastRecipe, voxel_spacing: float, names: tuple[str, ...]
) -> EncoderWeights:
    """Build an encoder as it starts, and the card that says what it is."""
    card = EncoderCard(
        encoder=recipe.encoder,
        crop=recipe.crop_voxels(voxel_spacing),
        slab=recipe.slab,
        voxel_spacing=voxel_spacing,
        normalise=recipe.normalise,
        objective=recipe.objective,
        trained_on=names,
        recipe=recipe.model_dump(mode="json"),
    )
    network = build_encoder(card)
    channels_last(network)
    return EncoderWeights(network, card)


def _watched(objective: Any, network: Any) -> list[str]:
    """Return the names of what the objective watches."""
    nothing = torch.randn(4, network.projection, generator=torch.Generator().manual_seed(0))
    return list(objective.watch(nothing, nothing))
