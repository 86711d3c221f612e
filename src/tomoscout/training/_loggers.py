"""Logs beside ``history.csv``, of packages that come as extras."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings


def extra_logger(name: str, folder: Path) -> Any:
    """Return the logger asked for beside ``history.csv``; False for none.

    Raises
    ------
    UserError
        If its package is not installed.
    """
    if name == "csv":
        return False
    from lightning.pytorch import loggers

    try:
        if name == "tensorboard":
            return loggers.TensorBoardLogger(save_dir=folder, name="", version="tensorboard")
        importlib.import_module(name)  # Lightning's own answer differs from logger to logger
        if name == "wandb":
            return loggers.WandbLogger(name=folder.name, save_dir=folder)
        where = str(folder / "mlruns")
        return loggers.MLFlowLogger("tomoscout", run_name=folder.name, save_dir=where)
    except ModuleNotFoundError as error:
        raise UserError(
            f"training.logger {name}: {error.name or name} is not installed: "
            f"pip install 'tomoscout[{name}]', or take training.logger csv"
        ) from error


def log_settings(loggers: Sequence[Any], recipe: Settings) -> None:
    """Tell the loggers what is trained."""
    for logger in loggers:
        logger.log_hyperparams(recipe.model_dump(mode="json"))
