"""Train a detector on a project, from runs to weights on disk; resumes where it was stopped."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
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
    save_detector,
)
from tomoscout.io.project import Project, Run, open_project
from tomoscout.losses import LOSSES
from tomoscout.ops.precision import choose_device, has_fast_bf16
from tomoscout.training.callbacks import (
    History,
    LastCheckpoint,
    Progress,
    SeedEpoch,
    Tell,
    ValidateRuns,
    ValidationRun,
)
from tomoscout.training.detection import DetectionModule
from tomoscout.training.recipe import Recipe, read_recipe

logger = logging.getLogger(__name__)

CHECKPOINT, HISTORY, RECIPE = "last.ckpt", "history.csv", "recipe.yaml"


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
        raise UserError(f"{project.path}: no run has picks to train on")
    names = [run.name for run in annotated]
    chosen = split(names, fold=fold, validation=validation)
    folder = Path(output)
    resume = _prepare(folder, recipe, chosen, overwrite=overwrite)
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
        device=choose_device(device),
        resume=resume,
        tell=tell,
    )


def _prepare(folder: Path, recipe: Recipe, fold: Fold, *, overwrite: bool) -> Path | None:
    """Make the output folder; return the checkpoint to resume from, if there is one."""
    written = folder / RECIPE
    content = {
        "recipe": recipe.model_dump(mode="json"),
        "train": list(fold.train),
        "validation": list(fold.validation),
    }
    if overwrite and folder.exists():
        if not written.exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: not a training's folder, so it is not overwritten")
        shutil.rmtree(folder)
    if folder.exists() and any(folder.iterdir()):
        if not written.exists():
            raise UserError(f"{folder}: exists and is not empty; choose another, or --overwrite")
        if yaml.safe_load(written.read_text("utf-8")) != content:
            raise UserError(
                f"{folder}: holds a training with another recipe or other runs: "
                "choose another folder, or --overwrite to start anew"
            )
        checkpoint = folder / CHECKPOINT
        return checkpoint if checkpoint.exists() else None
    folder.mkdir(parents=True, exist_ok=True)
    written.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return None


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
    device: torch.device,
    resume: Path | None,
    tell: Callable[[Progress], None] | None,
) -> Trained:
    """Run the loop and leave the weights in the folder."""
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
        persistent_workers=settings.workers > 0,
        collate_fn=lambda items: collate(items, mixup=settings.mixup, seed=settings.seed),
    )
    progress = Progress(steps=settings.steps)
    weights_path = folder / FILE_NAME
    validate = (
        ValidateRuns(Detector(network, card), validation_runs, weights_path, progress)
        if validation_runs
        else None
    )
    # Order matters: validation works while the averaging callback has its weights in place.
    callbacks: list[Callback] = [validate] if validate else []
    if settings.ema:
        callbacks.append(EMAWeightAveraging(decay=settings.ema))
    callbacks.append(SeedEpoch(sampler, per_epoch, settings.seed))
    callbacks.append(History(folder / HISTORY, objects.names, validate))
    callbacks.append(LastCheckpoint(folder / CHECKPOINT))
    if tell:
        callbacks.append(Tell(progress, tell))
    with warnings.catch_warnings():
        # Lightning advises on workers, loggers and folders that are chosen on purpose here.
        warnings.simplefilter("ignore")
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
        once: Any = DataLoader([0], collate_fn=list)  # type: ignore[arg-type]  # validation runs are the callback's business
        trainer.fit(module, loader, once, ckpt_path=resume, weights_only=True)
    if validate is None:
        save_detector(Detector(network, card), weights_path)
    return Trained(load_detector(weights_path), folder, fold)


def _extra_logger(name: str, folder: Path) -> Any:
    """Return the logger asked for beside ``history.csv``."""
    if name == "csv":
        return False
    from lightning.pytorch import loggers

    kind = {"tensorboard": loggers.TensorBoardLogger, "wandb": loggers.WandbLogger}[name]
    try:
        return kind(save_dir=folder)
    except ModuleNotFoundError as error:
        raise UserError(f"training.logger {name}: pip install {error.name}") from error
