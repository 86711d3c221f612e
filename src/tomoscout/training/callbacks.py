"""Gather what happens around the steps of a training; the order matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tomoscout.data.module import EpochSampler, PatchDataset
from tomoscout.inference.weights import FILE_NAME, Detector
from tomoscout.training.around import around
from tomoscout.training.averaging import EvenAveraging
from tomoscout.training.norms import FreshNorms
from tomoscout.training.patience import DropOnPlateau, StopEarly
from tomoscout.training.progress import Progress
from tomoscout.training.settings import TrainingSettings
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
        Gives batches of training patches of the stretch that ends at a step, none of them mixed.
    tell
        Called after every batch with where the training stands.
    """
    settings = job.recipe.training
    progress = Progress(steps=settings.steps)
    scores: dict[str, Any] = {}
    validating: list[Callback] = []
    if job.validation_runs:
        validate = ValidateRuns(
            detector,
            job.validation_runs,
            job.folder / FILE_NAME,
            progress,
            settings,
            at_start=job.init is not None,
            scores=scores,
        )
        validating += [validate, *_watching(settings)]
    averaging: list[Callback] = []
    if settings.swa:
        averaging.append(EvenAveraging(settings.swa_start, device=job.device))
    if settings.swa or settings.mixup:
        averaging.append(FreshNorms(images))
    return around(
        settings,
        folder=job.folder,
        device=job.device,
        sampler=sampler,
        columns=[SCORE, *job.objects.names],
        scores=scores,
        progress=progress,
        tell=tell,
        validating=validating,
        averaging=averaging,
    )


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
