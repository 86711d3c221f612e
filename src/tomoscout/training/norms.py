"""Statistics of batch norms for use, where training sees other images than use does.

Mixing two patches averages their noise away: norms that have seen mixed patches alone divide by too
little in use, layer after layer, and a deep network may answer at random. So they are measured anew
on patches that are not mixed, before weights are validated or saved. Weights that were averaged
need the same. (Wu and Johnson, 2021, arXiv:2105.07576, on both.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from tomoscout.inference.norms import BATCH_NORMS


def has_norms(network: Any) -> bool:
    """Tell whether a network has batch norms."""
    return any(isinstance(module, BATCH_NORMS) for module in network.modules())


def measure_anew(trainer: Trainer, pl_module: LightningModule, images: Iterable[Tensor]) -> None:
    """Replace the statistics of a network's batch norms by the plain mean over batches."""
    network: nn.Module = pl_module.network  # type: ignore[assignment]
    training = network.training
    with trainer.precision_plugin.forward_context():
        update_bn(images, network, device=pl_module.device)
    network.train(training)


class UnmixedNorms(Callback):
    """Measure norms on patches that are not mixed whenever weights are validated.

    Stands after what averages weights, which swaps these in when validation starts; so it is they
    that are measured, and they keep it.

    Parameters
    ----------
    images
        Gives batches of training patches that are not mixed, given the step.
    """

    def __init__(self, images: Callable[[int], Iterator[Tensor]]) -> None:
        self.images = images

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the weights in place."""
        measure_anew(trainer, pl_module, self.images(trainer.global_step))
