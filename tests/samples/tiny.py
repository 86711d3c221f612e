"""The smallest training there is."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningModule

IMAGES = torch.randn(8, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0)) + 2


class Tiny(LightningModule):
    """A convolution and a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.network = torch.nn.Sequential(
            torch.nn.Conv3d(1, 2, 3, padding=1), torch.nn.BatchNorm3d(2)
        )

    def training_step(self, batch, batch_idx):
        return (self.network(batch) - batch.flip(2)).square().mean()

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
