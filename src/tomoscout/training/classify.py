"""Train a classifier of crops at picks, from annotated runs to weights; resumes where it stopped.

It learns what lies at picks and what does not, crop by crop, and gives a second opinion on picks
that others made. The last weights are kept (averaged, where the recipe says so): nothing is chosen
by the held-out runs, so what is said of them holds for other runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tomoscout.core.objects import ObjectTable
from tomoscout.data.folds import Fold, split
from tomoscout.data.labelled import HeldOut, LabelledDataset, collate_labelled
from tomoscout.data.places import Look
from tomoscout.inference.classifier_weights import (
    FILE_NAME,
    ClassifierCard,
    ClassifierWeights,
    build_classifier,
    load_classifier,
    save_classifier,
)
from tomoscout.inference.encoder_weights import EncoderWeights
from tomoscout.io._atomic import write_json
from tomoscout.io.project import Project
from tomoscout.lessons import LESSONS
from tomoscout.ops.precision import channels_last
from tomoscout.training._labelled import check_learnable, load_labelled
from tomoscout.training._runs import annotated
from tomoscout.training.around import Watch
from tomoscout.training.backbone import check_encoder, origin_of_encoder, take_over_encoder
from tomoscout.training.classify_recipe import ClassifyRecipe
from tomoscout.training.classifying import PREFIX, ClassifyModule, Examined, ValidateCrops, examine
from tomoscout.training.course import open_course
from tomoscout.training.inherit import check_spacing
from tomoscout.training.progress import Progress

if TYPE_CHECKING:
    from lightning.pytorch import Callback

EXAMINED = "held_out.json"
"""What the last weights made of the held-out crops: figures and the confusion of classes."""


@dataclass(frozen=True)
class Classified:
    """What the training of a classifier left behind.

    Attributes
    ----------
    classifier
        The classifier, ready for use.
    folder
        Holds ``classifier.safetensors``, ``history.csv``, ``held_out.json``, ``recipe.yaml`` and
        ``last.ckpt``.
    fold
        Runs trained on and held out.
    """

    classifier: ClassifierWeights
    folder: Path
    fold: Fold


def classify(
    project: Project,
    output: str | Path,
    *,
    recipe: ClassifyRecipe,
    validation: Sequence[str] | None = None,
    fold: int = 0,
    init: EncoderWeights | None = None,
    device: str = "auto",
    overwrite: bool = False,
    tell: Callable[[Progress], None] | None = None,
    read: Callable[[float], None] | None = None,
) -> Classified:
    """Train a classifier on the annotated runs of a project.

    Parameters
    ----------
    project
        Tomograms with picks; runs without picks are left out.
    output
        Folder for the results. One that holds an unfinished training with the same recipe and runs
        is resumed, bit for bit.
    recipe
        All settings.
    validation
        Runs held out; an empty list holds out none.
    fold
        Which run, by sorted name, is held out when ``validation`` is not given.
    init
        Encoder that the backbone starts from; the recipe is then read with its card.
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
        If the project, the recipe, the fold or the output folder does not allow it.
    """
    recipe.check()
    chosen = split(annotated(project, "train"), fold=fold, validation=validation)
    if init is not None:
        check_encoder(init, recipe, chosen.validation)
    record = {
        "recipe": recipe.model_dump(mode="json"),
        "train": list(chosen.train),
        "validation": list(chosen.validation),
        "objects": project.objects.names,
    } | ({} if init is None else {"init": init.fingerprint})
    course = open_course(
        output, record, recipe=recipe, weights=FILE_NAME, device=device, overwrite=overwrite
    )
    weights_path = course.folder / FILE_NAME
    if course.is_done:
        return Classified(load_classifier(weights_path), course.folder, chosen)
    names = (*chosen.train, *chosen.validation)
    places = load_labelled(project.select(names), recipe, read)
    learn, kept = places[: len(chosen.train)], places[len(chosen.train) :]
    check_learnable(learn, project.objects)
    spacing = learn[0].volume.voxel_spacing
    if init is not None:
        check_spacing(init, spacing)
    settings = recipe.training
    torch.manual_seed(settings.seed)
    weights = _untrained(recipe, spacing, project.objects, chosen, init)
    family, choice = recipe.lesson.resolve(LESSONS)
    lesson = family.build(choice, seed=settings.seed)
    shares: dict[str, Any] = {
        "background": recipe.background, "lookalikes": recipe.lookalikes, "apart": recipe.apart,
        "radii": [entry.radius for entry in project.objects.each()], "seed": settings.seed,
    }  # fmt: skip
    look = Look(weights.card.crop, views=recipe.views, shift=recipe.shift)
    network: Any = weights.network
    dataset = LabelledDataset(learn, look=look, **shares)
    held_out = (
        HeldOut(kept, crop=weights.card.crop, most=recipe.held_out, **shares) if kept else None
    )

    def save() -> None:
        examined = weights
        if held_out is not None:
            found = examine(
                network.to(course.device), lesson, held_out, classes=weights.card.classes,
                batch=settings.batch_size, device=course.device, bf16=settings.bf16,
            )  # fmt: skip
            examined = _with_score(weights, found, course.folder, chosen.validation)
        save_classifier(examined, weights_path)

    scores, progress = dict[str, Any](), Progress(steps=settings.steps)
    columns: list[str] = list(family.TERMS)
    validating: list[Callback] = [Watch(scores)]
    if held_out is not None:
        columns += [PREFIX + name for name in ("loss", "balanced", *family.TERMS)]
        validating.append(ValidateCrops(held_out, weights.card.classes, scores, progress))
    course.run(
        ClassifyModule(network, lesson, settings),
        dataset,
        collate_labelled,
        columns=columns,
        scores=scores,
        validating=validating,
        progress=progress,
        tell=tell,
        save=save,
    )
    return Classified(load_classifier(weights_path), course.folder, chosen)


def _untrained(
    recipe: ClassifyRecipe,
    voxel_spacing: float,
    objects: ObjectTable,
    fold: Fold,
    init: EncoderWeights | None,
) -> ClassifierWeights:
    """Build a classifier as it starts, and the card that says what it is."""
    card = ClassifierCard(
        classifier=recipe.classifier,
        objects=objects,
        crop=recipe.crop_voxels(voxel_spacing),
        slab=recipe.slab,
        voxel_spacing=voxel_spacing,
        normalise=recipe.normalise,
        lesson=recipe.lesson,
        background=recipe.background,
        trained_on=fold.train,
        origin=None if init is None else origin_of_encoder(init),
        recipe=recipe.model_dump(mode="json"),
    )
    network = build_classifier(card)
    if init is not None:
        take_over_encoder(init, network)
    channels_last(network)
    return ClassifierWeights(network, card)


def _with_score(
    weights: ClassifierWeights, found: Examined, folder: Path, runs: tuple[str, ...]
) -> ClassifierWeights:
    """Note on the card, and in a file, how the weights did."""
    facts = {
        "scores": found.facts(),
        "runs": list(runs),
        "classes": list(found.classes),
        "confusion": found.confusion.tolist(),
        "terms": found.terms,
    }
    write_json(folder / EXAMINED, facts, overwrite=True)
    noted = {"score": found.facts(), "held_out": runs}
    return replace(weights, card=weights.card.model_copy(update=noted))
