"""Gather what happens around the steps of a training; the order matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor

from tomoscout.data.module import EpochSampler, PatchDataset
from tomoscout.inference.weights import FILE_NAME, Detector
from tomoscout.training._folder import CHECKPOINT, HISTORY, is_first_process
from tomoscout.training.averaging import EvenAveraging
from tomoscout.training.patience import DropOnPlateau, StopEarly
from tomoscout.training.progress import History, Progress, Tell
from tomoscout.training.settings import TrainingSettings
from tomoscout.training.stretches import LastCheckpoint, SeedEpoch, ValidateLast
from tomoscout.training.validation import SCORE, ValidateRuns

if TYPE_CHECKING:
    from lightning.pytorch import Callback

    from tomoscout.training.fit import Job

_STATISTICS = 32  # batches that statistics of batch norms are measured on


def gather(
    job: Job,
    detector: Detector,
    sampler: EpochSampler,
    images: Callable[[int], Iterator[Tensor]],
    tell: Callable[[Progress], None] | None,
) -> list[Callback]:
    """Return the callbacks of a training.

    Parameters
    ----------
    job
        What is trained.
    detector
        Holds the network.
    sampler
        Says which patches come next.
    images
        Gives batches of training patches of the stretch that ends at a step.
    tell
        Called after every batch with where the training stands.
    """
    settings = job.recipe.training
    progress = Progress(steps=settings.steps)
    scores: dict[str, Any] = {}
    callbacks: list[Callback] = []
    if job.validation_runs:
        # Before the averaging callback: validation works while that has its weights in place.
        validate = ValidateRuns(
            detector,
            job.validation_runs,
            job.folder / FILE_NAME,
            progress,
            settings,
            at_start=job.init is not None,
            scores=scores,
        )
        callbacks += [validate, *_watching(settings)]
    if settings.ema:
        callbacks.append(EMAWeightAveraging(device=job.device, decay=settings.ema))
    if settings.swa:
        callbacks.append(EvenAveraging(settings.swa_start, images, device=job.device))
    callbacks += [SeedEpoch(sampler, settings.per_epoch, settings.seed), ValidateLast()]
    if is_first_process():
        callbacks.append(History(job.folder / HISTORY, [SCORE, *job.objects.names], scores))
        if tell:
            callbacks.append(Tell(progress, tell))
    callbacks.append(LastCheckpoint(job.folder / CHECKPOINT))
    return callbacks


def _watching(settings: TrainingSettings) -> list[Callback]:
    """Return what acts on the validation score."""
    watching: list[Callback] = []
    if settings.schedule == "plateau":
        patience, factor = settings.plateau_patience, settings.plateau_factor
        watching.append(DropOnPlateau(patience=patience, factor=factor))
    if settings.patience:
        watching.append(StopEarly(settings.patience))
    return watching


def training_images(
    dataset: PatchDataset, collate: Callable[[list[Any]], Any], settings: TrainingSettings
) -> Callable[[int], Iterator[Tensor]]:
    """Return what gives batches of the stretch that ends at a step, the same to every process."""

    def images(step: int) -> Iterator[Tensor]:
        epoch = (step - 1) // settings.per_epoch
        for batch in range(min(_STATISTICS, settings.batches)):
            first = batch * settings.batch_size
            keys = range(first, first + settings.batch_size)
            yield collate([dataset[epoch, index] for index in keys])["image"]

    return images
