"""The one training loop: Lightning around any module of ours, the same for every method."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset

from tomoscout.core.errors import UserError
from tomoscout.data.module import EpochSampler
from tomoscout.ops.precision import has_fast_bf16
from tomoscout.training._loggers import extra_logger
from tomoscout.training.settings import TrainingSettings

if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer


def make_loader(
    dataset: Dataset[Any], settings: TrainingSettings, collate: Callable[[list[Any]], Any]
) -> tuple[Any, EpochSampler]:
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
        collate_fn=collate,
    )
    return loader, sampler


def make_trainer(
    settings: TrainingSettings, *, device: torch.device, folder: Path, callbacks: Sequence[Callback]
) -> Trainer:
    """Set Lightning up.

    Raises
    ------
    UserError
        If there are not as many devices as asked for.
    """
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch import Trainer

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
            callbacks=list(callbacks),
            logger=extra_logger(settings.logger, folder),
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=True,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )
    except MisconfigurationException as error:
        raise UserError(f"training.devices {settings.devices}: {error}") from error


def run_loop(
    module: LightningModule,
    loader: Any,
    *,
    settings: TrainingSettings,
    device: torch.device,
    folder: Path,
    callbacks: Sequence[Callback],
    resume: Path | None,
    begin: Callable[[Trainer], None],
) -> Trainer:
    """Train to the last step, from the first or from where it was stopped.

    Parameters
    ----------
    module
        What is trained.
    loader
        From `make_loader`.
    settings
        The loop's settings.
    device
        Where to compute.
    folder
        Where checkpoints and logs go.
    callbacks
        What happens around the steps; the order matters.
    resume
        Checkpoint to go on from, if any.
    begin
        Called when all that can be checked is right, before anything is written.
    """
    with warnings.catch_warnings():
        # Lightning advises on workers, loggers and folders that are chosen on purpose here.
        warnings.simplefilter("ignore")
        trainer = make_trainer(settings, device=device, folder=folder, callbacks=callbacks)
        begin(trainer)
        # One empty validation batch: what is validated is the business of callbacks.
        once: Any = DataLoader([0], collate_fn=list)  # type: ignore[arg-type]
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, loader, once, ckpt_path=resume, weights_only=True)
        except SystemExit as stop:
            # Lightning's answer to Ctrl-C, after which it ignores any further one.
            signal.signal(signal.SIGINT, interrupt)
            raise KeyboardInterrupt from stop
    return trainer


def load_last(module: LightningModule, checkpoint: Path) -> None:
    """Take over the weights of the last checkpoint: the averaged ones, where there are any."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    module.load_state_dict(content["state_dict"])


def _strategy(settings: TrainingSettings) -> str:
    """Say how processes work together: outputs that do not count leave weights without gradient."""
    if settings.processes > 1 and not all(settings.level_weights):
        return "ddp_find_unused_parameters_true"
    return "auto"
