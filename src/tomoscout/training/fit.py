"""The loop itself: Lightning around a network, from loaded runs to weights in a folder."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.data.folds import Fold
from tomoscout.data.module import EpochSampler, PatchDataset, Supply, collate
from tomoscout.inference.weights import FILE_NAME, Card, Detector, build_network, save_detector
from tomoscout.losses import LOSSES
from tomoscout.models import Pretrainable
from tomoscout.ops.precision import channels_last, has_fast_bf16
from tomoscout.training._folder import CHECKPOINT, MEASURED, is_first_process, start
from tomoscout.training._loggers import extra_logger, log_recipe
from tomoscout.training._weighing import measured_weights
from tomoscout.training.callbacks import gather, training_images
from tomoscout.training.detection import DetectionModule
from tomoscout.training.inherit import origin_of
from tomoscout.training.progress import Progress
from tomoscout.training.recipe import Recipe
from tomoscout.training.settings import TrainingSettings
from tomoscout.training.transfer import take_over
from tomoscout.training.validation import ValidationRun

if TYPE_CHECKING:
    from lightning.pytorch import Callback, Trainer


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
    loader, sampler = _loader(dataset, settings)
    images = training_images(dataset, _mixing(settings), settings)
    weights_path = job.folder / FILE_NAME
    with warnings.catch_warnings():
        # Lightning advises on workers, loggers and folders that are chosen on purpose here.
        warnings.simplefilter("ignore")
        trainer = _trainer(job, gather(job, detector, sampler, images, tell))
        if job.resume is None:  # nothing is written before all that can be checked is right
            found = None if weights is None else [round(w, 4) for w in weights.tolist()]
            record = job.record | ({MEASURED: {"class_weights": found}} if found else {})
            start(job.folder, record, overwrite=job.overwrite)
        log_recipe(trainer.loggers, job.recipe)
        # One empty validation batch: the runs are the business of the callback ``ValidateRuns``.
        once: Any = DataLoader([0], collate_fn=list)  # type: ignore[arg-type]
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, loader, once, ckpt_path=job.resume, weights_only=True)
        except SystemExit as stop:
            # Lightning's answer to Ctrl-C, after which it ignores any further one.
            signal.signal(signal.SIGINT, interrupt)
            raise KeyboardInterrupt from stop
    if not job.validation_runs and is_first_process():
        # Not the network at hand: of a training that was complete before, it is not averaged.
        _load_last(module, job.folder / CHECKPOINT)
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


def _loader(dataset: PatchDataset, settings: TrainingSettings) -> tuple[Any, EpochSampler]:
    """Make what gives batches, and the sampler that says which come next."""
    sampler = EpochSampler(settings.batches * settings.batch_size * settings.processes)
    loader = DataLoader(
        dataset,
        batch_size=settings.batch_size,
        sampler=sampler,
        num_workers=settings.workers,
        # Forked workers share the tomograms; spawned ones would copy them, where they start at all.
        multiprocessing_context="fork" if settings.workers else None,
        persistent_workers=settings.workers > 0,
        collate_fn=_mixing(settings),
    )
    return loader, sampler


def _trainer(job: Job, callbacks: list[Callback]) -> Trainer:
    """Set Lightning up."""
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch import Trainer

    settings, device = job.recipe.training, job.device
    fast = settings.bf16 and has_fast_bf16(device)
    try:
        return Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=[device.index] if device.index is not None else settings.devices,
            precision="bf16-mixed" if fast else "32-true",
            max_epochs=-1,  # steps alone say when to stop
            max_steps=settings.steps,
            num_nodes=settings.nodes,
            strategy=_strategy(settings),
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip or None,
            callbacks=callbacks,
            logger=extra_logger(settings.logger, job.folder),
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=True,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=job.folder,
        )
    except MisconfigurationException as error:
        raise UserError(f"training.devices {settings.devices}: {error}") from error


def _strategy(settings: TrainingSettings) -> str:
    """Say how processes work together: outputs that do not count leave weights without gradient."""
    if settings.processes > 1 and not all(settings.level_weights):
        return "ddp_find_unused_parameters_true"
    return "auto"


def _load_last(module: DetectionModule, checkpoint: Path) -> None:
    """Take over the weights of the last checkpoint: the averaged ones, where there are any."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    module.load_state_dict(content["state_dict"])
