"""Even averaging: the plain mean of the weights along the way, with statistics of its own."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from samples.tiny import IMAGES, Tiny
from tomoscout.training.averaging import EvenAveraging
from tomoscout.training.norms import FreshNorms


class Watch(Callback):
    """Weights after each step, and those that validation works with."""

    def __init__(self) -> None:
        self.trained, self.validated, self.saved = [], [], []

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.trained.append(weight(pl_module))

    def on_validation_epoch_end(self, trainer, pl_module):
        self.validated.append(weight(pl_module))

    def on_train_epoch_end(self, trainer, pl_module):
        saved = trainer._checkpoint_connector.dump_checkpoint(False)["state_dict"]
        self.saved.append({name: tensor.clone() for name, tensor in saved.items()})


def weight(module: LightningModule) -> torch.Tensor:
    return module.network[0].weight.detach().clone()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    torch.manual_seed(0)
    watch, module = Watch(), Tiny()
    averaging = EvenAveraging(5, device=torch.device("cpu"))
    norms = FreshNorms(lambda step: iter(IMAGES.split(4)))
    trainer = Trainer(
        accelerator="cpu",
        max_steps=12,
        callbacks=[watch, averaging, norms],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=tmp_path_factory.mktemp("run"),
    )
    trainer.fit(module, DataLoader(IMAGES, batch_size=2), DataLoader([0]))
    return watch, module


pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)


def test_it_is_the_plain_mean_of_the_weights_from_its_start_on(run):
    watch, module = run
    assert len(watch.trained) == 12
    mean = torch.stack(watch.trained[5:]).mean(0)
    torch.testing.assert_close(weight(module), mean)
    assert not torch.allclose(mean, watch.trained[-1])


def test_before_its_start_validation_and_checkpoints_have_the_weights_as_they_are(run):
    watch, _ = run  # four steps an epoch, so the first ends before the average starts
    assert torch.equal(watch.validated[0], watch.trained[3])
    assert torch.equal(watch.saved[0]["network.0.weight"], watch.trained[3])


def test_validation_and_checkpoints_have_the_average_from_then_on(run):
    watch, _ = run
    mean = torch.stack(watch.trained[5:8]).mean(0)
    torch.testing.assert_close(watch.validated[1], mean)
    torch.testing.assert_close(watch.saved[1]["network.0.weight"], mean)


def test_statistics_are_those_that_the_averaged_weights_see(run):
    _, module = run
    features = module.network[0](IMAGES).detach()
    norm = module.network[1]
    torch.testing.assert_close(norm.running_mean, features.mean((0, 2, 3, 4)))
    assert norm.momentum == 0.1, "measuring leaves the norm as it was"
