"""A detector's training: from loaded runs to weights in a folder, through the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tomoscout.core.objects import ObjectTable
from tomoscout.data.folds import Fold
from tomoscout.data.module import PatchDataset, Supply, collate
from tomoscout.inference.weights import FILE_NAME, Card, Detector, build_network, save_detector
from tomoscout.losses import LOSSES
from tomoscout.models import Pretrainable
from tomoscout.ops.precision import channels_last
from tomoscout.training._folder import CHECKPOINT, MEASURED, is_first_process, start
from tomoscout.training._loggers import log_settings
from tomoscout.training._weighing import measured_weights
from tomoscout.training.callbacks import gather, training_images
from tomoscout.training.detection import DetectionModule
from tomoscout.training.inherit import origin_of
from tomoscout.training.loop import load_last, make_loader, run_loop
from tomoscout.training.progress import Progress
from tomoscout.training.recipe import Recipe
from tomoscout.training.settings import TrainingSettings
from tomoscout.training.transfer import take_over
from tomoscout.training.validation import ValidationRun

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


@dataclass(frozen=True)
class Job:
    """A training that is ready to start: everything has been read and checked.

    Attributes
    ----------
    supply
        What patches are cut from.
    voxel_spacing
        Of the tomograms trained on, in ångström.
    validation_runs
        In memory.
    objects
        In the order of the network's channels.
    recipe, fold
        What is trained, and on which runs.
    folder, record
        Where results go, and what the folder is marked with.
    overwrite
        Whether an old training in the folder gives way once this one starts.
    device
        Where to compute.
    resume
        Checkpoint to go on from, if any.
    init
        Weights to start from; None starts from random ones.
    """

    supply: Supply
    voxel_spacing: float
    validation_runs: Sequence[ValidationRun]
    objects: ObjectTable
    recipe: Recipe
    fold: Fold
    folder: Path
    record: dict[str, Any]
    overwrite: bool
    device: torch.device
    resume: Path | None
    init: Detector | None = None


def fit(job: Job, tell: Callable[[Progress], None] | None) -> Path:
    """Run the loop; return the weights file it leaves in the folder."""
    settings = job.recipe.training
    torch.manual_seed(settings.seed)
    detector = _untrained(job)
    loss_module, loss_settings = job.recipe.loss.resolve(LOSSES)
    network: Any = detector.network
    dataset = _dataset(job, stride=detector.card.stride)
    weights = measured_weights(job.recipe, dataset, loss_module.ACTIVATION)
    module = DetectionModule(network, loss_module.build(loss_settings, weights=weights), settings)
    loader, sampler = make_loader(dataset, settings, _mixing(settings))
    images = training_images(dataset, collate, settings)
    weights_path = job.folder / FILE_NAME

    def begin(trainer: Trainer) -> None:
        """Mark the folder; nothing is written before all that can be checked is right."""
        if job.resume is None:
            found = None if weights is None else [round(w, 4) for w in weights.tolist()]
            record = job.record | ({MEASURED: {"class_weights": found}} if found else {})
            start(job.folder, record, overwrite=job.overwrite)
        log_settings(trainer.loggers, job.recipe)

    trainer = run_loop(
        module,
        loader,
        settings=settings,
        device=job.device,
        folder=job.folder,
        callbacks=gather(job, detector, sampler, images, tell),
        resume=job.resume,
        begin=begin,
    )
    if not job.validation_runs and is_first_process():
        # Not the network at hand: of a training that was complete before, it is not averaged.
        load_last(module, job.folder / CHECKPOINT)
        save_detector(detector, weights_path)
    trainer.strategy.barrier()
    return weights_path


def _untrained(job: Job) -> Detector:
    """Build the network as it starts, and the card that says what it is."""
    recipe = job.recipe
    card = Card(
        model=recipe.model,
        objects=tuple(entry.model_dump() for entry in job.objects.each()),
        activation=recipe.loss.resolve(LOSSES)[0].ACTIVATION,
        stride=1,  # until the network says
        voxel_spacing=job.voxel_spacing,
        normalise=recipe.normalise,
        patch=recipe.sampling.patch,
        picker=recipe.picker,
        together=recipe.together,
        trained_on=job.fold.train,
        origin=job.init and origin_of(job.init),
        recipe=recipe.model_dump(mode="json"),
    )
    network = build_network(card)
    channels_last(network)
    detector = Detector(network, card.model_copy(update={"stride": network.strides[0]}))
    if job.init is not None:
        take_over(job.init, detector)
    elif job.resume is None and isinstance(network, Pretrainable):
        network.load_pretrained()
    return detector


def _dataset(job: Job, *, stride: int) -> PatchDataset:
    """Make the endless supply of patches with their targets."""
    return PatchDataset(
        job.supply,
        objects=job.objects,
        patch=job.recipe.sampling.patch,
        augment=job.recipe.augment,
        target=job.recipe.target,
        stride=stride,
        annotated_around=job.recipe.sampling.annotated_around,
        seed=job.recipe.training.seed,
    )


def _mixing(settings: TrainingSettings) -> Callable[[list[Any]], Any]:
    """Return what makes a batch of patches."""
    return partial(
        collate,
        mixup=settings.mixup,
        mixup_probability=settings.mixup_probability,
        cutmix=settings.cutmix,
        seed=settings.seed,
    )
