from __future__ import annotations

import pytest

from tomoscout.augment import levels
from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.settings import Choice, parse_overrides
from tomoscout.training._checks import check_parts
from tomoscout.training.recipe import read_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_reads_and_opens_with_its_command(name):
    from importlib import resources

    read_recipe(name)
    text = resources.files("tomoscout.recipes").joinpath(f"{name}.yaml").read_text("utf-8")
    command, hardware, score = text.splitlines()[:3]
    assert command.startswith("# tomoscout train") or command.startswith("# tomoscout demo")
    assert hardware.startswith("# ")
    assert "F4" in score or "not trained at full length yet" in score


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_fits_the_objects_of_the_challenge(name):
    """Patch, network, level weights, class weights and loss go together; nothing is allocated."""
    check_parts(read_recipe(name), CZII)


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
        (
            ["target.name=spheres", "loss.name=tversky", "sampling.annotated_around=50"],
            "loss 'tversky' cannot leave cells out: choose from cross_entropy, focal",
        ),
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


def test_one_kind_or_several_may_be_given():
    assert read_recipe("scout", parse_overrides(["kinds=wbp"])).kinds == ("wbp",)
    assert read_recipe("scout", parse_overrides(["kinds=denoised,wbp"])).kinds == (
        "denoised",
        "wbp",
    )


def test_a_word_stands_for_its_augmentations(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("augment: base-anisotropic\n")
    assert read_recipe(path).augment == levels("base-anisotropic")
    path.write_text("augment: [base-anisotropic, {name: noise}]\n")
    assert read_recipe(path).augment == (*levels("base-anisotropic"), Choice(name="noise"))
    assert read_recipe(path, parse_overrides(["augment=none"])).augment == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["augment=base-isotropc"], "Did you mean 'base-isotropic'"),
        (["augment=3"], "augment"),
        (["training.swa=0.5"], "training.swa 0.5 average twice: set one of them to 0"),
        (["training.gradnorm=1e-3", "training.compile=true"], "set one of them to 0 or false"),
        (["training.level-weights=0,0"], "one of them at least above 0"),
        (["training.optimizer=rmsprop"], "'adam' or 'sgd'"),
        (["class_weights.method=invers"], "'class_weights.method'"),
        (["training.logger=neptune"], "'mlflow'"),
    ],
)
def test_what_the_loop_cannot_do_is_told_in_one_line(given, words):
    with pytest.raises(UserError) as error:
        read_recipe("scout", parse_overrides(given))
    assert words in str(error.value)
    assert "\n" not in str(error.value)
