"""Train a detector on a project, from runs to weights on disk; resumes where it was stopped."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.data.folds import Fold, split
from tomoscout.data.module import EpochSampler, PatchDataset, TrainingRun, collate, load_runs
from tomoscout.inference.weights import (
    FILE_NAME,
    Card,
    Detector,
    build_network,
    load_detector,
    out_channels,
    save_detector,
)
from tomoscout.io.project import Project, Run, open_project
from tomoscout.losses import LOSSES
from tomoscout.models import MODELS
from tomoscout.ops.precision import choose_device, has_fast_bf16
from tomoscout.training._folder import (
    CHECKPOINT,
    HISTORY,
    find_checkpoint,
    is_first_process,
    start,
)
from tomoscout.training.callbacks import (
    History,
    LastCheckpoint,
    Progress,
    SeedEpoch,
    Tell,
    ValidateLast,
    ValidateRuns,
    ValidationRun,
)
from tomoscout.training.detection import DetectionModule
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
    project: Project | str | Path,
    output: str | Path,
    *,
    recipe: Recipe | str | Path = "scout",
    settings: Mapping[str, Any] | None = None,
    validation: Sequence[str] | None = None,
    fold: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    tell: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train a detector.

    Parameters
    ----------
    project
        Project with picks, or its path; runs without picks are left out.
    output
        Folder for the results. One that holds an unfinished training with the same recipe and
        runs is resumed, bit for bit.
    recipe
        Recipe, or its name or path.
    settings
        Nested settings laid over the recipe.
    validation
        Runs held out to validate on; an empty list holds out none.
    fold
        Which run (leave-one-out, by sorted name) is held out when ``validation`` is not given.
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
    project = project if isinstance(project, Project) else open_project(Path(project))
    if not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe, settings)
    annotated = [run for run in project.runs if run.has_picks]
    if not annotated:
        raise UserError(
            f"{project.path}: no run has picks to train on: put pick files beside the tomograms, "
            "or give a project that has some"
        )
    names = [run.name for run in annotated]
    chosen = split(names, fold=fold, validation=validation)
    _check_network(recipe, project.objects)
    where = choose_device(device)
    folder = Path(output)
    record = {
        "recipe": recipe.model_dump(mode="json"),
        "objects": {entry.name: entry.radius for entry in project.objects.each()},
        "train": list(chosen.train),
        "validation": list(chosen.validation),
    }
    resume = find_checkpoint(folder, record, overwrite=overwrite)
    by_name = {run.name: run for run in annotated}
    training_runs = load_runs(
        [by_name[name] for name in chosen.train], recipe.normalise, kind=recipe.kind
    )
    return _fit(
        training_runs,
        [_validation_run(by_name[name], recipe) for name in chosen.validation],
        objects=project.objects,
        recipe=recipe,
        fold=chosen,
        folder=folder,
        record=record,
        overwrite=overwrite,
        device=where,
        resume=resume,
        tell=tell,
    )


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


def _validation_run(run: Run, recipe: Recipe) -> ValidationRun:
    """Load one held-out run."""
    return ValidationRun(run.tomogram(recipe.kind).load(), run.picks())


def _card(
    recipe: Recipe, objects: ObjectTable, fold: Fold, voxel_spacing: float, stride: int
) -> Card:
    """Say what the weights are, before they are trained."""
    return Card(
        model=recipe.model,
        objects=tuple(entry.model_dump() for entry in objects.each()),
        activation=recipe.loss.resolve(LOSSES)[0].ACTIVATION,
        stride=stride,
        voxel_spacing=voxel_spacing,
        normalise=recipe.normalise,
        patch=recipe.sampling.patch,
        picker=recipe.picker,
        trained_on=fold.train,
        recipe=recipe.model_dump(mode="json"),
    )


def _fit(
    training_runs: Sequence[TrainingRun],
    validation_runs: Sequence[ValidationRun],
    *,
    objects: ObjectTable,
    recipe: Recipe,
    fold: Fold,
    folder: Path,
    record: dict[str, Any],
    overwrite: bool,
    device: torch.device,
    resume: Path | None,
    tell: Callable[[Progress], None] | None,
) -> Trained:
    """Run the loop and leave the weights in the folder."""
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch import Trainer
    from lightning.pytorch.callbacks import Callback, EMAWeightAveraging

    settings = recipe.training
    torch.manual_seed(settings.seed)
    card = _card(recipe, objects, fold, training_runs[0].voxel_spacing, stride=1)
    network: Any = build_network(card)
    card = card.model_copy(update={"stride": network.strides[0]})
    network.to(memory_format=torch.channels_last_3d)
    loss_module, loss_settings = recipe.loss.resolve(LOSSES)
    module = DetectionModule(network, loss_module.build(loss_settings), settings)

    per_epoch = min(settings.validate_every, settings.steps)
    dataset = PatchDataset(
        training_runs,
        objects=objects,
        sampling=recipe.sampling,
        augment=recipe.augment,
        target=recipe.target,
        stride=network.strides[0],
        seed=settings.seed,
    )
    sampler = EpochSampler(per_epoch * settings.batch_size * settings.devices)
    loader = DataLoader(
        dataset,
        batch_size=settings.batch_size,
        sampler=sampler,
        num_workers=settings.workers,
        # Forked workers share the tomograms; spawned ones would copy them, where they start at all.
        multiprocessing_context="fork" if settings.workers else None,
        persistent_workers=settings.workers > 0,
        collate_fn=lambda items: collate(items, mixup=settings.mixup, seed=settings.seed),
    )
    progress = Progress(steps=settings.steps)
    weights_path = folder / FILE_NAME
    validate = (
        ValidateRuns(
            Detector(network, card),
            validation_runs,
            weights_path,
            progress,
            spread=settings.threshold_spread,
        )
        if validation_runs
        else None
    )
    # Order matters: validation works while the averaging callback has its weights in place.
    callbacks: list[Callback] = [validate] if validate else []
    if settings.ema:
        callbacks.append(EMAWeightAveraging(device=device, decay=settings.ema))
    callbacks.append(SeedEpoch(sampler, per_epoch, settings.seed))
    callbacks.append(ValidateLast())
    if is_first_process():
        callbacks.append(History(folder / HISTORY, objects.names, validate))
    callbacks.append(LastCheckpoint(folder / CHECKPOINT))
    if tell and is_first_process():
        callbacks.append(Tell(progress, tell))
    with warnings.catch_warnings():
        # Lightning advises on workers, loggers and folders that are chosen on purpose here.
        warnings.simplefilter("ignore")
        try:
            trainer = Trainer(
                accelerator="gpu" if device.type == "cuda" else "cpu",
                devices=[device.index] if device.index is not None else settings.devices,
                precision="bf16-mixed" if settings.bf16 and has_fast_bf16(device) else "32-true",
                max_epochs=-1,  # steps alone say when to stop
                max_steps=settings.steps,
                gradient_clip_val=settings.clip or None,
                callbacks=callbacks,
                logger=_extra_logger(settings.logger, folder),
                enable_progress_bar=False,
                enable_model_summary=False,
                enable_checkpointing=True,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
                default_root_dir=folder,
            )
        except MisconfigurationException as error:
            raise UserError(f"training.devices {settings.devices}: {error}") from error
        if resume is None:  # nothing is written before all that can be checked is right
            start(folder, record, overwrite=overwrite)
        once: Any = DataLoader([0], collate_fn=list)  # type: ignore[arg-type]  # validation runs are the callback's business
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, loader, once, ckpt_path=resume, weights_only=True)
        except SystemExit as stop:
            # Lightning's answer to Ctrl-C, after which it ignores any further one.
            signal.signal(signal.SIGINT, interrupt)
            raise KeyboardInterrupt from stop
    if validate is None and is_first_process():
        # Not the network at hand: of a training that was complete before, it is not averaged.
        _load_last(module, folder / CHECKPOINT)
        save_detector(Detector(network, card), weights_path)
    trainer.strategy.barrier()
    return Trained(load_detector(weights_path), folder, fold)


def _load_last(module: DetectionModule, checkpoint: Path) -> None:
    """Take over the weights of the last checkpoint: the averaged ones, where there are any."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    module.load_state_dict(content["state_dict"])


def _extra_logger(name: str, folder: Path) -> Any:
    """Return the logger asked for beside ``history.csv``."""
    if name == "csv":
        return False
    from lightning.pytorch import loggers

    kind = {"tensorboard": loggers.TensorBoardLogger, "wandb": loggers.WandbLogger}[name]
    try:
        return kind(save_dir=folder)
    except ModuleNotFoundError as error:
        raise UserError(f"training.logger {name}: pip install {error.name or name}") from error
