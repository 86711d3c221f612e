"""Numbers of recipes that reproduce a published training, where a default would differ."""

from __future__ import annotations

import numpy as np
import pytest

from samples.answers import balls, farthest
from tomoscout.core.geometry import Geometry
from tomoscout.core.settings import Choice
from tomoscout.pickers import PICKERS
from tomoscout.training.recipe import read_recipe, recipe_names
from tomoscout.tuning.candidates import is_nested

AS_IT_WAS = (
    "czii-1st-resnet34", "czii-1st-resnet34-ds", "czii-1st-effnetb3", "czii-2nd-unet",
    "czii-4th-unet25d", "unet3d-baseline",
)  # fmt: skip


@pytest.mark.parametrize("name", AS_IT_WAS)
def test_recipes_whose_originals_clip_no_grey_values_clip_none(name):
    normalise = read_recipe(name).normalise
    assert (normalise.method, normalise.clip) == ("zscore", None)


@pytest.mark.parametrize("name", ["czii-2nd-unet", "unet3d-baseline"])
def test_a_constant_learning_rate_is_constant_from_the_first_step(name):
    training = read_recipe(name).training
    assert (training.schedule, training.warmup, training.clip) == ("constant", 0, 0)


@pytest.mark.parametrize("name", ["token-transformer", "token-finetune"])
def test_tokens_of_the_hard_objects_weigh_twice_their_rarity(name):
    weights = read_recipe(name).class_weights
    assert weights.method == "inverse"
    assert weights.objects == {"beta-galactosidase": 2, "thyroglobulin": 2}


def test_the_second_place_weighs_what_the_challenge_weighs_and_leaves_amylase_out():
    recipe = read_recipe("czii-2nd-unet")
    hard = {"beta-galactosidase": 2, "thyroglobulin": 2}
    assert recipe.class_weights.objects == {"beta-amylase": 0, **hard}
    assert recipe.target.options["radius"] == 0.4
    assert recipe.target.options["radii"]["apo-ferritin"] == 80


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.startswith("token-")])
def test_tokens_are_picked_once_where_a_broad_answer_ripples(name):
    """Three ferritins, answered with balls a third wider than they are, uneven by half."""
    geometry, radius = Geometry((72, 96, 96), 10.0, 2), 60.0
    planted = np.array([[203.0, 215, 192], [351, 704, 318], [482, 255, 690]])
    ripple = np.random.default_rng(0).uniform(0.5, 1, geometry.cells)
    score = (balls(planted, geometry, 80.0) * ripple).astype(np.float16)

    def found(choice):
        picker, settings = choice.resolve(PICKERS)
        return picker.find_picks(
            score, geometry=geometry, radius=radius, name="it", threshold=0.3, settings=settings
        ).zyx

    assert len(found(Choice(name="local_max"))) > len(planted)
    assert farthest(found(read_recipe(name).picker), planted) < radius / 2  # half of it is a hit


@pytest.mark.parametrize("name", recipe_names())
def test_thresholds_of_all_recipes_but_the_slices_are_swept_exactly(name):
    """A picking at one threshold then tells of all, at every validation of a training."""
    assert is_nested(read_recipe(name).picker) is not name.startswith("slice-detector")


def test_a_dim_ball_beside_a_bright_one_is_found_at_the_same_place_at_every_threshold():
    """With ``cells``; else both would grow, touch and move as the threshold falls."""
    geometry, radius = Geometry((40, 40, 60), 10.0, 2), 90.0
    planted = np.array([[200.0, 200, 150], [200, 200, 400]])
    bright, dim = (balls(planted[i : i + 1], geometry, 0.6 * radius) for i in (0, 1))
    score = np.maximum(bright, 0.3 * dim)
    picker, settings = read_recipe("unet25d-resnet34d").picker.resolve(PICKERS)
    for threshold, expected in ((0.12, planted), (0.25, planted), (0.5, planted[:1])):
        picks = picker.find_picks(
            score, geometry=geometry, radius=radius, name="it", threshold=threshold,
            settings=settings,
        )  # fmt: skip
        assert farthest(picks.zyx, expected) < 3.0
