from __future__ import annotations

import os

import pytest
import torch
from safetensors.torch import save_file

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.inference.encoder_weights import (
    FILE_NAME,
    EncoderCard,
    EncoderWeights,
    build_encoder,
    encoder_of,
    load_encoder,
    save_encoder,
)
from tomoscout.inference.weights import Detector, build_network, load_detector, save_detector
from tomoscout.ops.normalise import NormaliseSettings


def make_card(**changes) -> EncoderCard:
    values = {
        "encoder": Choice(name="resnet3d", widths=[4, 8], projection=[8]),
        "crop": (16, 16, 16),
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(invert=True),
        "objective": Choice(name="nt_xent", temperature=0.2),
        "trained_on": ("TS_1", "TS_2"),
        "recipe": {"steps": 100},
        "slab": 50.0,
        "notes": "Saw no real tomogram.",
    }
    return EncoderCard(**{**values, **changes})


@pytest.fixture
def encoder() -> EncoderWeights:
    torch.manual_seed(0)
    card = make_card()
    return EncoderWeights(build_encoder(card).eval(), card)


def test_what_is_saved_is_what_is_loaded(encoder, tmp_path):
    save_encoder(encoder, tmp_path / FILE_NAME)
    for given in (tmp_path, tmp_path / FILE_NAME):
        loaded = load_encoder(given)
        assert loaded.card == encoder.card
        assert loaded.name == tmp_path.name
        x = torch.randn(2, 1, 16, 16, 16)
        with torch.inference_mode():
            torch.testing.assert_close(loaded.network(x), encoder.network(x))
    assert not loaded.network.training
    assert os.listdir(tmp_path) == [FILE_NAME]


def test_an_encoder_among_other_results_is_found(encoder, tmp_path):
    """As ``discover`` and ``find`` leave it."""
    save_encoder(encoder, tmp_path / "encoder" / FILE_NAME)
    assert load_encoder(tmp_path).card == encoder.card
    own = make_card(notes="In the folder itself, which wins.")
    save_encoder(EncoderWeights(build_encoder(own), own), tmp_path / FILE_NAME)
    assert load_encoder(tmp_path).card == own


def test_a_folder_without_an_encoder_is_told_by_what_was_looked_for(tmp_path):
    with pytest.raises(UserError, match=r"no encoder\.safetensors in this folder"):
        load_encoder(tmp_path)


def test_an_encoders_file_is_no_detectors(encoder, tmp_path):
    save_encoder(encoder, tmp_path / "e.safetensors")
    with pytest.raises(UserError, match=r"e\.safetensors: weights of an encoder.*a detector's"):
        load_detector(tmp_path / "e.safetensors")


def test_of_a_detector_the_encoding_half_is_taken(detector, tmp_path):
    save_detector(detector, tmp_path / "d.safetensors")
    loaded = load_encoder(tmp_path / "d.safetensors")
    known = detector.card
    assert loaded.card.crop == (16, 16, 16), "160 Å of 10 Å"
    assert loaded.card.voxel_spacing == known.voxel_spacing
    assert loaded.card.normalise == known.normalise
    x = torch.randn(2, 1, 16, 16, 16)
    with torch.inference_mode():
        deepest = detector.network.encode(x).mean(dim=(2, 3, 4))
        torch.testing.assert_close(loaded.network(x), deepest)
    assert load_encoder(tmp_path / "d.safetensors").fingerprint == loaded.fingerprint


def test_the_shipped_detector_is_an_encoder_by_its_name():
    assert load_encoder("czii-sim").card.trained_on == load_detector("czii-sim").card.trained_on


def test_a_detector_without_deepest_features_is_no_encoder(detector):
    card = detector.card.model_copy(update={"model": Choice(name="slice_detector")})
    network = build_network(card)
    with pytest.raises(UserError, match="a detector of 'slice_detector', which has no deepest"):
        encoder_of(Detector(network, card, "here"))


@pytest.mark.parametrize(
    "model",
    [
        {"name": "resnet_unet", "encoder": "resnet18", "norm": "instance"},
        {"name": "token_transformer"},
    ],
)
def test_crops_are_as_large_as_the_network_needs(detector, model):
    card = detector.card.model_copy(update={"model": Choice(**model), "activation": "softmax"})
    encoder = encoder_of(Detector(build_network(card).eval(), card))
    with torch.inference_mode():
        assert encoder.network(torch.randn(2, 1, *encoder.card.crop)).isfinite().all()


def test_files_that_are_neither_are_told_apart(tmp_path):
    save_file({"w": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="no Tomoscout card"):
        load_encoder(tmp_path / "w.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"12")
    with pytest.raises(UserError, match="not a safetensors file, or cut short"):
        load_encoder(tmp_path / "broken.safetensors")
    with pytest.raises(UserError, match="no weights 'nothing'"):
        load_encoder("nothing")


def test_tensors_that_do_not_fit_the_card_are_refused(tmp_path):
    path, metadata = (
        tmp_path / "w.safetensors",
        {"tomoscout-encoder": make_card().model_dump_json()},
    )
    save_file({"w": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(UserError, match="do not fit the card's network 'resnet3d'"):
        load_encoder(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"crop": (16, 16, 18)}, r"crop of 'resnet3d': .*use \(16, 16, 16\)"),
        (
            {"crop": (16, 16, 16), "encoder": Choice(name="resnet20_flat")},
            r"'resnet20_flat' looks at single slices: use \(1, 16, 16\)",
        ),
        ({"encoder": Choice(name="resnet3")}, "Did you mean 'resnet3d'"),
    ],
)
def test_cards_that_cannot_be_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        build_encoder(make_card(**changes))
