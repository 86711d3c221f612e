"""Where patches are mixed, the norms in use are those of patches that are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch.utils.data import DataLoader

from samples.tiny import IMAGES, Tiny
from tomoscout.inference.norms import random_patches
from tomoscout.io.project import open_project
from tomoscout.training import callbacks
from tomoscout.training.norms import FreshNorms
from tomoscout.training.run import train

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)

SETTINGS = {
    "model": {"name": "scout_unet", "widths": [8, 16], "dropout": 0.1},
    "sampling": {"patch": [32, 32, 32]},
    "augment": [],
    "training": {
        "steps": 40, "batch_size": 4, "validate_every": 40, "mixup": 1.0, "warmup": 2, "ema": 0.5,
    },
}  # fmt: skip


def scale(project, detector) -> float:
    """How large the variance is that the first norm expects, against that of whole tomograms."""
    norm = next(m for m in detector.network.modules() if isinstance(m, torch.nn.BatchNorm3d))
    seen = []
    norm.register_forward_pre_hook(lambda _, given: seen.append(given[0].float()))
    rng = np.random.default_rng(0)
    for run in open_project(project).runs:
        volume = run.tomogram()
        patches = random_patches(
            volume, detector.card.normalise, shape=(32, 32, 32), count=4, rng=rng
        )
        with torch.inference_mode():
            for patch in patches:
                detector.network(torch.from_numpy(patch)[None, None])
    variance = torch.cat(seen).var((0, 2, 3, 4))
    return float((norm.running_var / variance).median())


@pytest.mark.parametrize("validation", [None, []])
def test_norms_expect_what_is_there_in_use(project, tmp_path, monkeypatch, validation):
    made = train(project, tmp_path / "measured", settings=SETTINGS, validation=validation)
    assert scale(project, made.detector) == pytest.approx(1, abs=0.15)
    monkeypatch.setattr(callbacks, "FreshNorms", lambda images: Callback())
    mixed = train(project, tmp_path / "mixed", settings=SETTINGS, validation=validation)
    assert scale(project, mixed.detector) < 0.8  # noise that was averaged away


def test_averaged_weights_are_measured_and_keep_it():
    torch.manual_seed(0)
    module = Tiny()
    trainer = Trainer(
        max_steps=8, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
        callbacks=[EMAWeightAveraging(decay=0.5), FreshNorms(lambda step: iter(IMAGES.split(4)))],
    )  # fmt: skip
    mixed = DataLoader(IMAGES * 3 + 1, batch_size=4)
    trainer.fit(module, mixed, DataLoader(IMAGES, batch_size=4))
    norm = module.network[1]
    features = module.network[0](IMAGES).detach()
    torch.testing.assert_close(norm.running_mean, features.mean((0, 2, 3, 4)))
    assert norm.momentum == 0.1
