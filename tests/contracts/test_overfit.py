"""Every network learns one crop by heart, in bfloat16, with the target and loss it is made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from tomoscout.core.activation import channel_names
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.losses import LOSSES
from tomoscout.metrics import czii
from tomoscout.models import MODELS
from tomoscout.ops.activations import probabilities
from tomoscout.ops.rarity import no_background
from tomoscout.ops.thin_maps import guard
from tomoscout.pickers import PICKERS
from tomoscout.targets import TARGETS
from tomoscout.training.recipe import Recipe, read_recipe

SPACING = 10.0
OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=60), ObjectType(name="large", radius=110))
)
RECIPES = {
    "flexible_unet": "czii-1st-resnet34",
    "resnet_unet": "etfinder-resnet50",
    "scout_unet": "scout",
    "slice_detector": "slice-detector",
    "sliding_unet25d": "czii-4th-unet25d",
    "token_transformer": "token-transformer",
    "unet": "unet3d-baseline",
    "unet25d": "unet25d-resnet34d",
}
"""Whose target, loss and picker a network learns with; a network of no recipe learns points."""
THRESHOLDS = (0.2, 0.3, 0.5, 0.7)
"""One of them must part all particles from all else."""


@dataclass(frozen=True)
class Parts:
    """What a recipe teaches, and how its answers are read."""

    recipe: Recipe

    @property
    def activation(self) -> Any:
        return LOSSES[self.recipe.loss.name].ACTIVATION

    def truth(self, picks: Picks, geometry: Geometry) -> np.ndarray:
        target, settings = self.recipe.target.resolve(TARGETS)
        return target.encode(picks, objects=OBJECTS, geometry=geometry, settings=settings)

    def loss(self) -> torch.nn.Module:
        # Weights of classes are for what is rare in a whole tomogram, and name other objects.
        module, settings = self.recipe.loss.resolve(LOSSES)
        return module.build(settings)

    def score(self, maps: np.ndarray, picks: Picks, geometry: Geometry) -> float:
        """Return the F4 at the best threshold."""
        picker, settings = self.recipe.picker.resolve(PICKERS)
        scores = []
        for threshold in THRESHOLDS:
            found = [
                picker.find_picks(
                    maps[channel], geometry=geometry, radius=entry.radius, name=entry.name,
                    threshold=threshold, settings=settings,
                )
                for channel, entry in enumerate(OBJECTS.each())
            ]  # fmt: skip
            scores.append(czii.score(Picks.concatenate(found), picks, objects=OBJECTS).weighted)
        return max(scores)


def crop(divisor: tuple[int, int, int]) -> tuple[np.ndarray, Picks]:
    """Return noise with seven dark balls in it, in a patch that the network takes."""
    shape = tuple(-(-n // d) * d for n, d in zip((32, 64, 64), divisor, strict=True))
    rng = np.random.default_rng(0)
    centres = np.array(
        [[9, 14, 15], [22, 16, 40], [10, 44, 18], [24, 47, 46], [8, 30, 52], [20, 30, 22],
         [14, 50, 32]]
    ) * SPACING + rng.uniform(0, SPACING, (7, 3))  # fmt: skip
    picks = Picks(centres, np.array(["small", "large"] * 3 + ["small"]))
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) * SPACING
    image = rng.normal(0, 0.5, shape)
    for zyx, name in zip(picks.zyx, picks.objects, strict=True):
        inside = np.linalg.norm(grid - zyx, axis=-1) < OBJECTS[str(name)].radius * 0.8
        image[inside] -= 3.0
    return image.astype(np.float32), picks


@pytest.fixture
def parts(name):
    recipe = read_recipe(RECIPES.get(name, "scout"))
    return Parts(recipe)


@pytest.mark.parametrize("name", MODELS.names())
def test_an_answer_that_is_the_target_scores_one(name, parts, make_network):
    """What is learnt by heart below can be read."""
    network = make_network(name)
    image, picks = crop(network.divisor)
    geometry = Geometry(image.shape, SPACING, network.strides[0])
    truth = parts.truth(picks, geometry)[: len(OBJECTS)]
    assert parts.score(truth, picks, geometry) == 1.0
    ripple = np.random.default_rng(0).uniform(0.9, 1, truth.shape).astype(np.float32)
    assert parts.score(truth * ripple, picks, geometry) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS.names())
def test_a_network_learns_one_crop_by_heart_in_bf16(name, parts, make_network):
    network = make_network(name, channels=len(channel_names(parts.activation, OBJECTS.names)))
    guard(network)  # as every network that is trained or used
    if parts.activation != "softmax":
        # Left at one half, channel 0 learns to say no where there is nothing, and never to say yes.
        no_background(network)
    image, picks = crop(network.divisor)
    geometry = Geometry(image.shape, SPACING, network.strides[0])
    wanted = torch.from_numpy(parts.truth(picks, geometry))[None]
    batch = torch.from_numpy(image)[None, None]
    loss = parts.loss()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0)

    def score() -> float:
        network.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            maps = probabilities(network(batch)[0].float(), parts.activation)[0].numpy()
        return parts.score(maps, picks, geometry)

    best = 0.0
    for step in range(1, 401):
        network.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(batch)[0]
        value = loss(logits.float(), wanted)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 25 == 0 and (best := max(best, score())) == 1.0:
            break
    assert best == 1.0, f"after {step} steps the loss is {float(value.detach()):.4f}"
