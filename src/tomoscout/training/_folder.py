"""The folder of a training: what may go on in it, what is refused, and who writes there."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml

from tomoscout.core.errors import UserError
from tomoscout.inference.find import FILE_NAME
from tomoscout.io._atomic import disk_errors, write_text

CHECKPOINT, HISTORY, RECIPE = "last.ckpt", "history.csv", "recipe.yaml"

MEASURED = "measured"
"""Part of the record that follows from the rest: what was measured on the training patches."""


def find_checkpoint(
    folder: Path, record: dict[str, Any], *, overwrite: bool, weights: str = FILE_NAME
) -> Path | None:
    """Return the checkpoint to resume from, if any; refuse a folder with anything else in it.

    ``weights`` is what the finished weights are called.
    """
    if folder.is_file():
        raise UserError(f"{folder}: is a file; give a folder for the training")
    if not folder.exists() or not any(folder.iterdir()):
        return None
    old = _read_record(folder / RECIPE)
    if old is None:
        raise UserError(
            f"{folder}: exists and holds other things than a training (which --overwrite would "
            "replace): choose another folder"
        )
    checkpoint = folder / CHECKPOINT
    if overwrite or not (checkpoint.exists() or (folder / weights).exists()):
        return None
    if {key: value for key, value in old.items() if key != MEASURED} != record:
        raise UserError(
            f"{folder}: holds a training with another recipe, other runs, other objects or other "
            "weights to start from: choose another folder, or --overwrite to start anew"
        )
    return _readable(checkpoint) if checkpoint.exists() else None


def _read_record(path: Path) -> Any:
    """Return what a training noted at its start; None when the file is missing or not of one."""
    try:
        record = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return record if isinstance(record, dict) and {"recipe", "train"} <= set(record) else None


def _readable(checkpoint: Path) -> Path:
    """Return a checkpoint that can be read."""
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(
            f"{checkpoint}: cannot be read, so the training cannot go on: "
            "--overwrite to start anew, or choose another folder"
        ) from error
    return checkpoint


def start(folder: Path, record: dict[str, Any], *, overwrite: bool) -> None:
    """Make the folder, or empty that of an old training, and put the recipe in it."""
    if not is_first_process():
        return
    with disk_errors(folder):
        if overwrite and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RECIPE, yaml.safe_dump(record, sort_keys=False), overwrite=True)


def is_first_process() -> bool:
    """Tell whether this is the one that writes, of the processes that train together."""
    from lightning.pytorch.utilities import rank_zero_only

    return not getattr(rank_zero_only, "rank", 0)
