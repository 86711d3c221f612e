"""The course of a training on crops: a folder that is begun or gone on with, and the loop in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tomoscout.ops.precision import choose_device
from tomoscout.training._folder import CHECKPOINT, find_checkpoint, is_first_process
from tomoscout.training.around import around, beginning
from tomoscout.training.crop_recipe import CropRecipe
from tomoscout.training.loop import load_last, make_loader, run_loop
from tomoscout.training.progress import Progress

if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule


@dataclass(frozen=True)
class Course:
    """A training and the folder it runs in; `open_course` makes it.

    Attributes
    ----------
    folder, record
        Where results go, and what the folder is marked with.
    recipe
        All settings.
    device
        Where to compute.
    overwrite
        Whether an old training in the folder gives way.
    resume
        Checkpoint to go on from, if any.
    is_done
        Whether the weights, which are written last, are there already.
    """

    folder: Path
    record: dict[str, Any]
    recipe: CropRecipe
    device: torch.device
    overwrite: bool
    resume: Path | None
    is_done: bool

    def run(
        self,
        module: LightningModule,
        dataset: Any,
        collate: Callable[[list[Any]], Any],
        *,
        columns: Sequence[str],
        scores: dict[str, Any],
        validating: Sequence[Callback],
        progress: Progress,
        tell: Callable[[Progress], None] | None,
        save: Callable[[], None],
    ) -> None:
        """Train to the last step, from the first or from where it was stopped.

        Parameters
        ----------
        module
            What is trained.
        dataset, collate
            Items by (epoch, index), and what makes a batch of them.
        columns, scores, validating, progress, tell
            See `around`.
        save
            Called where one process writes, when the module has its last weights.
        """
        settings = self.recipe.training
        loader, sampler = make_loader(dataset, settings, collate)
        trainer = run_loop(
            module,
            loader,
            settings=settings,
            device=self.device,
            folder=self.folder,
            callbacks=around(
                settings,
                folder=self.folder,
                device=self.device,
                sampler=sampler,
                columns=columns,
                scores=scores,
                progress=progress,
                tell=tell,
                validating=validating,
            ),
            resume=self.resume,
            begin=beginning(
                self.folder, self.record, self.recipe, resume=self.resume, overwrite=self.overwrite
            ),
        )
        if is_first_process():
            load_last(module, self.folder / CHECKPOINT)
            save()
        trainer.strategy.barrier()


def open_course(
    output: str | Path,
    record: dict[str, Any],
    *,
    recipe: CropRecipe,
    weights: str,
    device: str,
    overwrite: bool,
) -> Course:
    """Look at the folder of a training, before any time is spent; nothing is written yet.

    Parameters
    ----------
    output
        The folder.
    record
        All that the training's result depends on.
    recipe
        All settings.
    weights
        What the finished weights are called.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    overwrite
        Start anew in a folder that already holds a training.

    Raises
    ------
    UserError
        If the folder holds something else, or the device is not there.
    """
    folder, where = Path(output), choose_device(device)
    resume = find_checkpoint(folder, record, overwrite=overwrite, weights=weights)
    is_done = (folder / weights).exists() and not overwrite
    return Course(folder, record, recipe, where, overwrite, resume, is_done)
