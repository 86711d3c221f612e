"""Statistics of batch norms for use, where training sees other images than use does.

Mixing two patches averages their noise away: norms that have seen mixed patches alone divide by too
little in use, layer after layer. So they are measured anew on patches that are not mixed, before
weights are validated or saved. Weights that were averaged evenly need the same, as statistics
belong to the weights they were seen with. (Wu and Johnson, 2021, arXiv:2105.07576, on both.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn


class FreshNorms(Callback):
    """Measure norms on patches that are not mixed whenever weights are validated.

    Stands after what averages weights, which swaps these in when validation starts; so it is they
    that are measured, and they keep it. A network without batch norms stays as it is.

    Parameters
    ----------
    images
        Gives batches of training patches that are not mixed, given the step.
    """

    def __init__(self, images: Callable[[int], Iterator[Tensor]]) -> None:
        self.images = images

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Replace the statistics of the weights in place by the plain mean over batches."""
        network: nn.Module = pl_module.network  # type: ignore[assignment]
        training = network.training
        with trainer.precision_plugin.forward_context():
            update_bn(self.images(trainer.global_step), network, device=pl_module.device)
        network.train(training)
