from __future__ import annotations

import numpy as np
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.classifier_weights import (
    FILE_NAME,
    ClassifierCard,
    ClassifierWeights,
    build_classifier,
    load_classifier,
    save_classifier,
)
from tomoscout.inference.classifying import classify_at
from tomoscout.inference.encoder_weights import load_encoder
from tomoscout.inference.weights import load_detector, save_detector
from tomoscout.ops.normalise import Normaliser, NormaliseSettings

OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=60), ObjectType(name="small", radius=30))
)
BACKBONE = {"name": "resnet3d", "widths": [4, 8]}
AS_IT_IS = Normaliser(-np.inf, np.inf, 0.0, 1.0)


def make_card(**changes) -> ClassifierCard:
    values = {
        "classifier": Choice(name="transformer_head", backbone=BACKBONE, grid=2, heads=2),
        "objects": OBJECTS,
        "crop": (8, 8, 8),
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(clip=None),
        "lesson": Choice(name="puzzle", a=0.5, b=0.05),
        "score": {"accuracy": 0.5},
    }
    return ClassifierCard(**{**values, **changes})


@pytest.fixture
def classifier() -> ClassifierWeights:
    torch.manual_seed(0)
    card = make_card()
    return ClassifierWeights(build_classifier(card).eval(), card)


class Grey(torch.nn.Module):
    """Says 'large' where a crop is dark and 'background' where it is not, by its first column."""

    classes, grid, divisor, flat = 3, (1, 1, 1), (1, 1, 1), False

    def forward(self, x, positions=None):
        return self.decide(self.encode(x), positions)

    def encode(self, x):
        return x.float()[..., 0].mean((1, 2, 3))[:, None, None]

    def decide(self, tokens, positions=None):
        mean = tokens[:, 0, 0]
        return torch.stack([mean, -mean, torch.zeros_like(mean)], dim=1)


def test_what_is_saved_is_what_is_loaded(classifier, tmp_path):
    save_classifier(classifier, tmp_path / FILE_NAME)
    for given in (tmp_path, tmp_path / FILE_NAME):
        loaded = load_classifier(given)
        assert loaded.card == classifier.card
        assert loaded.card.classes == ["background", "large", "small"]
        assert loaded.name == tmp_path.name
        assert loaded.fingerprint == classifier.fingerprint
        x = torch.randn(2, 1, 8, 8, 8)
        with torch.inference_mode():
            torch.testing.assert_close(loaded.network(x), classifier.network(x))
    assert not loaded.network.training


def test_files_of_other_kinds_are_told_apart(classifier, detector, tmp_path):
    save_detector(detector, tmp_path / "d.safetensors")
    with pytest.raises(UserError, match=r"weights of a detector.*a classifier's file"):
        load_classifier(tmp_path / "d.safetensors")
    save_classifier(classifier, tmp_path / "c.safetensors")
    with pytest.raises(UserError, match=r"weights of a classifier.*an encoder's file"):
        load_encoder(tmp_path / "c.safetensors")
    with pytest.raises(UserError, match=r"weights of a classifier.*a detector's file"):
        load_detector(tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"crop": (8, 8, 12)}, r"crop of 'transformer_head': .*use \(8, 8, 8\)"),
        (
            {"classifier": Choice(name="linear_head", backbone={"name": "resnet20_flat"})},
            r"'linear_head' looks at single slices: use \(1, 8, 8\)",
        ),
        ({"classifier": Choice(name="linear")}, "Did you mean 'linear_head'"),
    ],
)
def test_cards_that_cannot_be_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        build_classifier(make_card(**changes))


def test_a_dark_place_in_angstrom_gets_the_class_of_dark_crops_whatever_the_batch():
    volume = Volume(np.ones((16, 20, 24), np.float32), 10.0, "planted")
    volume.data[3:9, 8:14, 12:18] = -1.0
    grey = ClassifierWeights(Grey(), make_card(crop=(4, 4, 4)))
    zyx = np.array([[55.0, 105.0, 145.0], [55.0, 30.0, 40.0], [130.0, 105.0, 200.0]])
    found = [
        classify_at(volume, grey, zyx, normaliser=AS_IT_IS, batch=batch, device="cpu")
        for batch in (1, 2, 64)
    ]
    e = np.exp([1.0, -1.0, 0.0])
    bright, dark = e / e.sum(), e[[1, 0, 2]] / e.sum()
    np.testing.assert_allclose(found[0], [dark, bright, bright], rtol=1e-5)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    assert classify_at(volume, grey, zyx[:0], normaliser=AS_IT_IS).shape == (0, 3)


def test_probabilities_are_averaged_over_turns():
    """One side of the crop is dark: of four turns, which see other columns, one sees it alone."""
    volume = Volume(np.ones((4, 4, 4), np.float32), 10.0, "side")
    volume.data[:, :, 0] = -1.0
    grey = ClassifierWeights(Grey(), make_card(crop=(4, 4, 4)))
    zyx = np.full((1, 3), 15.0)
    one = classify_at(volume, grey, zyx, normaliser=AS_IT_IS, device="cpu")
    four = classify_at(volume, grey, zyx, turns=4, normaliser=AS_IT_IS, device="cpu")
    columns = [np.rot90(volume.data, k, axes=(1, 2))[..., 0].mean() for k in range(4)]
    logits = np.array([[m, -m, 0.0] for m in columns])
    by_hand = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(four[0], by_hand.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(one[0], by_hand[0], rtol=1e-5)


def test_tomograms_of_another_spacing_are_refused(classifier):
    volume = Volume(np.ones((8, 8, 8), np.float32), 13.0, "coarse")
    with pytest.raises(UserError, match=r"voxels of 13 Å, but the classifier was trained on 10 Å"):
        classify_at(volume, classifier, np.zeros((1, 3)))
