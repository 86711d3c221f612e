"""A classifier that starts from an encoder: what it inherits, and that every tensor comes along."""

import logging

import pytest
import torch

from tomoscout.classifiers import CLASSIFIERS
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.inference.classifier_weights import load_classifier
from tomoscout.inference.encoder_weights import EncoderCard, EncoderWeights, build_encoder
from tomoscout.io.project import open_project
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.training import classify as module
from tomoscout.training.backbone import check_encoder, take_over_encoder
from tomoscout.training.classify import classify
from tomoscout.training.classify_recipe import read_classify_recipe

FAST = {
    "apart": 70,
    "shift": 10,
    "candidates": {"name": "dog", "diameters": [60, 120]},
    "training": {"steps": 4, "batch_size": 8, "warmup": 1, "validate_every": 2},
}
SMALL = {"grid": 2, "layers": 1, "heads": 2}


def encoder(seed=1, **changes) -> EncoderWeights:
    """Weights that no other seed has; norms have seen something, too."""
    torch.manual_seed(seed)
    values = {
        "encoder": Choice(name="resnet3d", widths=[4, 8], projection=[8]),
        "crop": (16, 16, 16),
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(clip=(1.0, 99.0)),
        "trained_on": ("run0", "run2"),
        "recipe": {"kind": None, "crop": 160.0},
    }
    card = EncoderCard(**{**values, **changes})
    network = build_encoder(card)
    network.train()(torch.randn(4, 1, *card.crop) * 3 + 1)
    return EncoderWeights(network.eval(), card, "here/pretrained/encoder.safetensors")


def fast(init=None, **more):
    given = FAST | more
    if init is not None and "classifier" not in more:
        given["classifier"] = SMALL
    return read_classify_recipe("transformer", given, init=init and init.card)


def start(project, folder, init, monkeypatch, recipe=None):
    """Return the weights that a training starts with."""
    seen = {}

    def stop(network, *_):
        seen.update({name: tensor.clone() for name, tensor in network.state_dict().items()})
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(module, "ClassifyModule", stop)
        with pytest.raises(InterruptedError):
            classify(
                open_project(project), folder, recipe=recipe or fast(init), init=init,
                validation=["run2"],
            )  # fmt: skip
    return seen


def test_settings_of_the_encoder_lie_under_the_recipes_own():
    init = encoder(slab=30.0)
    recipe = fast(init)
    assert recipe.classifier.name == "transformer_head"
    assert recipe.classifier.options["layers"] == 1
    assert recipe.classifier.options["backbone"] == init.card.encoder.model_dump()
    assert (recipe.crop, recipe.slab, recipe.normalise.clip) == (160.0, 30.0, (1.0, 99.0))
    own = fast(init, crop=240, slab=0, normalise={"clip": [2, 98]})
    assert (own.crop, own.slab, own.normalise.clip) == (240.0, 0.0, (2.0, 98.0))
    other = fast(init, classifier={"backbone": {"name": "resnet20_flat"}})
    assert other.classifier.options["backbone"] == {"name": "resnet20_flat"}


def test_every_tensor_but_the_projections_comes_along_and_the_head_is_fresh(
    project, tmp_path, monkeypatch
):
    init = encoder()
    begun = start(project, tmp_path / "a", init, monkeypatch)
    recipe = fast(classifier={**SMALL, "backbone": init.card.encoder.model_dump()}, crop=160)
    fresh = start(project, tmp_path / "b", None, monkeypatch, recipe)
    assert begun.keys() == fresh.keys()
    for name, tensor in init.network.state_dict().items():
        if not name.startswith("projector."):
            assert torch.equal(begun.pop(f"backbone.{name}"), tensor), name
    assert begun.keys().isdisjoint(name for name in fresh if name.startswith("backbone."))
    assert begun
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in begun.items())
    changed = [
        name for name, tensor in init.network.state_dict().items()
        if not name.startswith("projector.") and not torch.equal(fresh[f"backbone.{name}"], tensor)
    ]  # fmt: skip
    assert any("running_mean" in name for name in changed)
    assert any("stem.0" in name for name in changed)


def test_features_are_the_encoders_before_a_step_is_made():
    init = encoder()
    recipe = fast(init, classifier={"name": "linear_head"})
    family, choice = recipe.classifier.resolve(CLASSIFIERS)
    network = family.build(choice, 3).eval()
    take_over_encoder(init, network)
    x = torch.randn(2, 1, 16, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(network.encode(x)[:, 0], init.network(x))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"classifier": {**SMALL, "backbone": {"widths": [4, 16]}}},
            r"backbone 'resnet3d' with widths \[4, 16\]: here/pretrained/encoder\.safetensors are "
            r"weights of 'resnet3d' with widths \[4, 8\]: leave the backbone out",
        ),
        ({"classifier": {**SMALL, "backbone": {"name": "resnet20_flat"}}}, "'resnet20_flat': here"),
        ({"normalise": {"method": "percentile"}}, "percentile: here/.* trained with zscore"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_read(changes, told, project, tmp_path):
    init = encoder()
    with pytest.raises(UserError, match=told):
        classify(open_project(project), tmp_path / "out", recipe=fast(init, **changes), init=init)
    assert not (tmp_path / "out").exists()


def test_an_encoder_that_has_no_map_is_no_backbone():
    init = encoder(encoder=Choice(name="detector", model={"name": "scout_unet", "widths": [4, 8]}))
    with pytest.raises(UserError, match="backbone 'detector': it has no map of features"):
        check_encoder(init, fast(init), [])


def test_an_encoder_of_another_scale_is_refused(project, tmp_path):
    init = encoder(voxel_spacing=20.0)
    with pytest.raises(UserError, match="was trained on 20 Å"):
        classify(open_project(project), tmp_path / "out", recipe=fast(init), init=init)


def test_the_card_and_the_folder_say_what_the_training_started_from(project, tmp_path, caplog):
    init, opened = encoder(), open_project(project)
    with caplog.at_level(logging.WARNING, logger="tomoscout"):
        done = classify(opened, tmp_path / "out", recipe=fast(init), init=init, validation=["run2"])
    assert "held-out runs run2: here/pretrained/encoder.safetensors learnt from" in caplog.text
    assert "crops" not in caplog.text
    origin = load_classifier(done.folder).card.origin
    assert (origin.name, origin.fingerprint) == ("pretrained", init.fingerprint)
    assert origin.trained_on == ("run0", "run2")
    with pytest.raises(UserError, match="other weights to start from"):
        classify(opened, done.folder, recipe=fast(init), init=encoder(seed=2), validation=["run2"])


def test_crops_of_another_size_than_the_encoder_learnt_from_are_told(caplog):
    init = encoder()
    with caplog.at_level(logging.WARNING, logger="tomoscout"):
        check_encoder(init, fast(init, classifier={**SMALL, "grid": 8}), [])
    assert "crops of 32 x 32 x 32 voxels: here/pretrained" in caplog.text
    assert "16 x 16 x 16" in caplog.text
