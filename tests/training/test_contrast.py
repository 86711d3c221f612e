"""A contrastive training: what it leaves, that it learns, and that it goes on bit for bit."""

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.inference.encoder_weights import FILE_NAME, load_encoder
from tomoscout.io.project import open_project
from tomoscout.training.contrast import contrast
from tomoscout.training.contrast_recipe import (
    ContrastRecipe,
    contrast_recipe_names,
    read_contrast_recipe,
)
from tomoscout.training.progress import read_history

FAST = {
    "crop": 160,
    "candidates": {"name": "dog", "diameters": [60, 120]},
    "training": {"steps": 12, "batch_size": 8, "warmup": 2, "validate_every": 6},
}


def fast(**more):
    return read_contrast_recipe("contrast-3d", FAST | more)


@pytest.fixture(scope="module")
def trained(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("contrast") / "out"
    return contrast(open_project(project), folder, recipe=fast(), runs=["run0", "run1"])


def test_it_leaves_an_encoder_with_its_card_and_a_log(trained):
    card = load_encoder(trained.folder / FILE_NAME).card
    assert card.trained_on == ("run0", "run1")
    assert card.crop == (16, 16, 16)
    assert card.voxel_spacing == pytest.approx(10.0)
    rows = read_history(trained.folder / "history.csv")
    assert rows[-1]["step"] == "12"
    assert {"spread", "positive_cosine", "negative_cosine"} <= set(rows[-1])
    watched = [row for row in rows if row["positive_cosine"]]
    assert len(watched) == 2
    assert float(watched[-1]["positive_cosine"]) > float(watched[-1]["negative_cosine"])


class Killed(Exception):
    """What stops a training in the middle."""


def test_a_killed_training_goes_on_to_the_same_weights(project, trained, tmp_path):
    def kill(now):
        if now.step == 9:
            raise Killed

    opened, folder = open_project(project), tmp_path / "out"
    with pytest.raises(Killed):
        contrast(opened, folder, recipe=fast(), runs=["run0", "run1"], tell=kill)
    contrast(opened, folder, recipe=fast(), runs=["run0", "run1"])
    one, two = (load_encoder(f / FILE_NAME).network.state_dict() for f in (folder, trained.folder))
    for name in one:
        np.testing.assert_array_equal(one[name].numpy(), two[name].numpy(), err_msg=name)


def test_another_recipe_does_not_go_on_in_the_same_folder(project, trained):
    with pytest.raises(UserError, match="another recipe"):
        contrast(
            open_project(project), trained.folder, recipe=fast(apart=50), runs=["run0", "run1"]
        )


@pytest.mark.parametrize("name", contrast_recipe_names())
def test_every_recipe_in_the_package_is_read_and_fits_its_encoder(name):
    recipe = read_contrast_recipe(name)
    crop = recipe.crop_voxels(10.0)
    assert crop[1] * 10.0 == pytest.approx(recipe.crop, rel=0.2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"training": {"mixup": 0.4}}, "training.mixup is for detectors"),
        ({"training": {"specialists": True}}, "training.specialists is for detectors"),
        ({"encoder": {"name": "resnet3"}}, "Did you mean 'resnet3d'"),
        ({"shfit": 3}, "Did you mean 'shift'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given, told):
    with pytest.raises(UserError, match=told):
        read_contrast_recipe("contrast-3d", given)


def test_a_crop_is_the_nearest_that_the_encoder_takes():
    recipe = ContrastRecipe(crop=333.0)
    z, y, x = recipe.crop_voxels(10.0)
    assert z == y == x
    assert abs(y * 10.0 - 333.0) <= 40.0
