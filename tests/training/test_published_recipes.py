"""Numbers of recipes that reproduce a published training, where a default would differ."""

from __future__ import annotations

import pytest

from tomoscout.training.recipe import read_recipe

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
