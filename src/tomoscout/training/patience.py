"""What happens when the validation score no longer rises: a lower learning rate, or the end."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tomoscout.training.validation import SCORE


class StopEarly(EarlyStopping):
    """End a training after so many validations without a better score.

    Parameters
    ----------
    patience
        Validations without a better score.
    """

    def __init__(self, patience: int) -> None:
        # At the end of validation: the checkpoint is written after it, and must know.
        super().__init__(
            monitor=SCORE, mode="max", patience=patience, check_on_train_epoch_end=False
        )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave a training that had ended before as it is."""
        trainer.should_stop |= self.wait_count >= self.patience


class DropOnPlateau(Callback):
    """Lower the learning rate after so many validations without a better score.

    torch's scheduler works on a learning rate of 1 here; what becomes of it is the share that the
    training's own schedule is multiplied by, so that warm-up and plateau do not undo each other.

    Parameters
    ----------
    patience
        Validations without a better score.
    factor
        What the learning rate is multiplied by.
    """

    def __init__(self, *, patience: int, factor: float) -> None:
        self._rate = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        self._plateau = ReduceLROnPlateau(self._rate, mode="max", factor=factor, patience=patience)

    @property
    def share(self) -> float:
        """What the learning rate is multiplied by now."""
        return float(self._rate.param_groups[0]["lr"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell the module where a resumed training stands."""
        module: Any = pl_module
        module.plateau_share = self.share

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the score, and lower the learning rate of the next step on."""
        before = self.share
        self._plateau.step(float(trainer.callback_metrics[SCORE]))
        module: Any = pl_module
        module.plateau_share = self.share
        for group in trainer.optimizers[0].param_groups:
            group["lr"] *= self.share / before

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training must know."""
        plateau = self._plateau
        return {"share": self.share, "best": plateau.best, "bad": plateau.num_bad_epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._rate.param_groups[0]["lr"] = state_dict["share"]
        self._plateau.best = state_dict["best"]
        self._plateau.num_bad_epochs = state_dict["bad"]
