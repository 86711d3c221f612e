"""Pretraining on simulated masks hands its weights to a fine-tuning on tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.inference.weights import load_detector
from tomoscout.training.detection import DetectionModule
from tomoscout.training.recipe import read_recipe
from tomoscout.training.run import train

LOOP = {
    "steps": 2, "batch_size": 1, "accumulate": 1, "validate_every": 2, "warmup": 0, "ema": 0,
    "workers": 0,
}  # fmt: skip
EMPTY = {"vesicles": 0, "beads": 0, "carbon": 0, "debris": 0}
SMALL = {
    "data": {
        "scene": {"shape": [40, 48, 48], "ice": [0.9, 0.95], "crowding": 30, **EMPTY},
        "streams": 1,
        "kept": 1,
    },
    "sampling": {"patch": [24, 24, 24]},
    "model": {"patch": [24, 24, 24], "layers": 1, "width": 16, "heads": 2},
    "training": LOOP,
}


@pytest.fixture(scope="module")
def pretrained(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("token") / "pretrain"
    train(project, folder, recipe="token-pretrain", settings=SMALL, validation=[])
    return folder


@pytest.fixture
def at_start(monkeypatch) -> list[dict[str, torch.Tensor]]:
    """Weights as they were when the first step began."""
    seen: list[dict[str, torch.Tensor]] = []
    step = DetectionModule.training_step

    def remember(self, batch: Any, batch_idx: int) -> Any:
        seen.append({n: t.detach().clone() for n, t in self.network.state_dict().items()})
        return step(self, batch, batch_idx)

    monkeypatch.setattr(DetectionModule, "training_step", remember)
    return seen


def finetune(project, pretrained, folder, **settings):
    return train(
        project, folder, recipe="token-finetune", init=pretrained, validation=[],
        settings={"training": LOOP, **settings},
    )  # fmt: skip


def test_a_finetuning_starts_from_the_very_weights_of_the_pretraining(
    project, pretrained, at_start, tmp_path
):
    tuned = finetune(project, pretrained, tmp_path / "tuned").detector
    given = load_detector(pretrained)
    assert at_start[0].keys() == given.network.state_dict().keys()
    for name, tensor in given.network.state_dict().items():
        assert torch.equal(at_start[0][name], tensor), name
    assert any(not torch.equal(at_start[0][n], t) for n, t in tuned.network.state_dict().items())
    assert (given.card.recipe["target"]["name"], tuned.card.recipe["target"]["name"]) == (
        "masks", "tokens",
    )  # fmt: skip
    assert tuned.card.recipe["loss"]["name"] == "cross_entropy"
    assert tuned.card.model == given.card.model
    assert tuned.card.patch == given.card.patch == (24, 24, 24)
    assert tuned.card.origin.name == "pretrain"


def test_another_patch_interpolates_the_positions_it_starts_from(
    project, pretrained, at_start, tmp_path
):
    tuned = finetune(
        project, pretrained, tmp_path / "wider", sampling={"patch": [24, 36, 30]}
    ).detector
    given = load_detector(pretrained).network.state_dict()["positions.table"]
    assert torch.equal(at_start[0]["positions.table"], given)
    assert tuned.card.patch == (24, 36, 30)


def test_positions_for_another_patch_are_refused_in_one_line(project, pretrained, tmp_path):
    with pytest.raises(UserError, match="leave the model's settings out"):
        finetune(project, pretrained, tmp_path / "out", model={"patch": [36, 36, 36]})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", ["", "-cpu"])
def test_the_recipes_fit_one_another(size):
    """What the fine-tuning leaves out is what the weights bring."""
    first = read_recipe(f"token-pretrain{size}")
    second = read_recipe(f"token-finetune{size}", under={"model": first.model.model_dump()})
    assert second.model == first.model
    alone = read_recipe(f"token-transformer{size}")
    assert alone.model.options.items() >= first.model.options.items()
    for recipe in (second, alone):
        assert recipe.target.options == {
            "by": "coverage", "shape": "cube", "side": 70, "threshold": 0.3,
        }  # fmt: skip
