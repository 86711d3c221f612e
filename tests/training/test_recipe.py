from __future__ import annotations

import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.settings import parse_overrides
from tomoscout.training.recipe import read_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_reads_and_opens_with_its_command(name):
    from importlib import resources

    read_recipe(name)
    text = resources.files("tomoscout.recipes").joinpath(f"{name}.yaml").read_text("utf-8")
    command, hardware, score = text.splitlines()[:3]
    assert command.startswith("# tomoscout train") or command.startswith("# tomoscout demo")
    assert hardware.startswith("# ")
    assert "F4" in score


def test_flags_win_over_the_recipe_and_the_recipe_over_defaults(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("training: {steps: 7, batch_size: 2}\n")
    recipe = read_recipe(path, parse_overrides(["training.steps=9"]))
    assert (recipe.training.steps, recipe.training.batch_size) == (9, 2)
    assert recipe.training.clip == read_recipe("scout").training.clip


def test_overrides_are_nested_typed_and_may_be_lists():
    given = ["training.learning-rate=1e-3", "sampling.patch=64,64,32", "model.name=unet"]
    assert read_recipe("scout", parse_overrides(given)).sampling.patch == (64, 64, 32)
    assert read_recipe("scout", parse_overrides(given)).training.learning_rate == 1e-3
    assert read_recipe("scout", parse_overrides(given)).model.name == "unet"


def test_another_model_drops_the_options_of_the_old_one(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("model: {name: scout_unet, blocks: 2}\n")
    recipe = read_recipe(path, parse_overrides(["model.name=unet"]))
    assert recipe.model.options == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["training.stepz=3"], "unknown setting 'training.stepz'. Did you mean 'steps'"),
        (["trainin.steps=3"], "Did you mean 'training'"),
        (["training.steps=many"], "training.steps"),
        (["model.name=unett"], "Did you mean 'unet'"),
        (["model.widhts=8,16"], "Did you mean 'widths'"),
        (["loss.name=tversky"], "not made for target 'points'"),
        (["nonsense"], "section.key=value"),
    ],
)
def test_mistakes_are_told_in_one_line(given, words):
    with pytest.raises(UserError) as error:
        read_recipe("scout", parse_overrides(given))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'scout'"):
        read_recipe("scuot")
