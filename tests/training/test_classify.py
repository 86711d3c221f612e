"""A classifier's training: what it leaves, that it learns, and that it goes on bit for bit."""

import json

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.inference.classifier_weights import FILE_NAME, load_classifier
from tomoscout.inference.classifying import classify_at
from tomoscout.io.project import open_project
from tomoscout.training.classify import classify
from tomoscout.training.classify_recipe import (
    ClassifyRecipe,
    classify_recipe_names,
    read_classify_recipe,
)
from tomoscout.training.progress import read_history

FAST = {
    "crop": 160,
    "apart": 70,
    "shift": 10,
    "candidates": {"name": "dog", "diameters": [60, 120]},
    "classifier": {
        "backbone": {"name": "resnet3d", "widths": [8, 16]}, "grid": 2, "layers": 1, "heads": 2,
    },
    "training": {
        "steps": 24, "batch_size": 16, "warmup": 2, "validate_every": 12, "ema": 0.5,
        "learning_rate": 1e-2,
    },
}  # fmt: skip


def fast(name="puzzle", **more):
    return read_classify_recipe(name, FAST | more)


@pytest.fixture(scope="module")
def trained(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classify") / "out"
    return classify(open_project(project), folder, recipe=fast(), validation=["run2"])


def test_it_leaves_a_classifier_with_its_card_and_what_it_scored(trained):
    card = load_classifier(trained.folder / FILE_NAME).card
    assert card.classes == ["background", "large", "small"]
    assert (card.trained_on, card.held_out) == (("run0", "run1"), ("run2",))
    assert card.crop == (16, 16, 16)
    assert card.voxel_spacing == pytest.approx(10.0)
    facts = json.loads((trained.folder / "held_out.json").read_text())
    assert facts["scores"] == card.score
    confusion = np.array(facts["confusion"])
    assert confusion.sum(axis=1).tolist() == [3, 5, 5]  # a quarter of background, ten particles
    assert card.score["accuracy"] == pytest.approx(np.trace(confusion) / 13, abs=1e-4)
    recalls = np.diag(confusion) / confusion.sum(axis=1)
    assert card.score["balanced"] == pytest.approx(recalls.mean(), abs=1e-4)
    assert card.score["large"] == pytest.approx(recalls[1], abs=1e-4)


def test_background_is_drawn_outside_of_the_projects_objects(project, tmp_path, monkeypatch):
    told = {}

    def stop(places, **how):
        told.update(how)
        raise InterruptedError

    monkeypatch.setattr("tomoscout.training.classify.LabelledDataset", stop)
    with pytest.raises(InterruptedError):
        classify(
            open_project(project), tmp_path / "out", recipe=fast(), validation=["run1", "run2"]
        )
    assert (told["apart"], told["radii"]) == (70, [60.0, 30.0])


def test_the_log_has_every_term_on_runs_trained_on_and_held_out(trained):
    rows = [r for r in read_history(trained.folder / "history.csv") if r["accuracy"]]
    assert [row["step"] for row in rows] == ["12", "24"]
    terms = ("nn", "ss", "ns", "sn", "accuracy", "accuracy_shuffled")
    for row in rows:
        told = {name: float(row[name]) for name in terms}
        kept = {name: float(row[f"held_out_{name}"]) for name in terms}
        assert min(told["ns"], told["sn"], kept["ns"], kept["sn"]) >= np.log(3) - 1e-3
    assert float(rows[1]["nn"]) < float(rows[0]["nn"])
    facts = json.loads((trained.folder / "held_out.json").read_text())
    assert float(rows[1]["held_out_accuracy"]) == pytest.approx(
        facts["scores"]["accuracy"], abs=1e-3
    )  # the last weights are those that are kept


def test_it_tells_balls_from_one_another_in_a_run_it_has_not_seen(trained, project):
    run = open_project(project)["run2"]
    truth = run.picks()
    found = classify_at(run.tomogram().load(), trained.classifier, truth.zyx, device="cpu")
    names = np.array(trained.classifier.card.classes)[found.argmax(axis=1)]
    assert (names == np.asarray(truth.objects)).mean() >= 0.8


class Killed(Exception):
    """What stops a training in the middle."""


def test_a_killed_training_goes_on_to_the_same_weights(project, trained, tmp_path):
    def kill(now):
        if now.step == 17:
            raise Killed

    opened, folder = open_project(project), tmp_path / "out"
    with pytest.raises(Killed):
        classify(opened, folder, recipe=fast(), validation=["run2"], tell=kill)
    classify(opened, folder, recipe=fast(), validation=["run2"])
    one, two = (load_classifier(f / FILE_NAME) for f in (folder, trained.folder))
    assert one.fingerprint == two.fingerprint
    assert one.card == two.card


def test_another_recipe_does_not_go_on_in_the_same_folder(project, trained):
    with pytest.raises(UserError, match="another recipe"):
        classify(open_project(project), trained.folder, recipe=fast(apart=50), validation=["run2"])


def test_objects_without_an_example_are_refused(project, tmp_path):
    opened = open_project(project)
    more = ObjectTable(objects=(*opened.objects.each(), ObjectType(name="rare", radius=50)))
    object.__setattr__(opened, "objects", more)
    with pytest.raises(UserError, match="no pick of rare in the runs to train on"):
        classify(opened, tmp_path / "out", recipe=fast(), validation=["run2"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", classify_recipe_names())
def test_every_recipe_in_the_package_is_read_and_fits_its_classifier(name):
    recipe = read_classify_recipe(name)
    assert recipe.crop_voxels(10.0) == (24, 24, 24)


def test_recipes_differ_in_what_the_table_compares_alone():
    recipes = [read_classify_recipe(name).model_dump() for name in classify_recipe_names()]
    for recipe in recipes:
        del recipe["classifier"], recipe["lesson"]
    assert all(recipe == recipes[0] for recipe in recipes)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"classifier": {"name": "linear_head"}}, "shuffles positions, and 'linear_head' knows"),
        ({"classifier": {"name": "transformer_head", "grid": 1}}, "'transformer_head' knows none"),
        ({"training": {"mixup": 0.4}}, "training.mixup is for detectors"),
        ({"training": {"compile": True}}, "training.compile is for detectors"),
        ({"training": {"schedule": "plateau"}}, "training.schedule plateau is for detectors"),
        ({"lesson": {"name": "puzle"}}, "Did you mean 'puzzle'"),
        ({"lesson": {"name": "puzzle", "c": 1}}, "unknown setting 'c'"),
        ({"lookalike": 1}, "Did you mean 'lookalikes'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given, told):
    with pytest.raises(UserError, match=told):
        read_classify_recipe("puzzle", given)


def test_slices_are_taken_where_the_backbone_is_flat():
    recipe = ClassifyRecipe.model_validate(
        {"classifier": {"name": "transformer_head", "backbone": {"name": "resnet18_flat"}}}
    )
    assert recipe.crop_voxels(10.0) == (1, 24, 24)
