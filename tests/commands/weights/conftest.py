"""Weights that are shipped, or not, with an installation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tomoscout.cli import main
from tomoscout.commands._console import console
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference import find
from tomoscout.inference.classifier_weights import (
    ClassifierCard,
    ClassifierWeights,
    build_classifier,
)
from tomoscout.inference.classifier_weights import save_classifier as save_classifier_file
from tomoscout.inference.encoder_weights import EncoderCard, EncoderWeights, build_encoder
from tomoscout.inference.encoder_weights import save_encoder as save_encoder_file
from tomoscout.inference.weights import (
    Card,
    Detector,
    build_network,
    save_detector,
)
from tomoscout.io.volumes import write_volume
from tomoscout.ops.normalise import NormaliseSettings

NOTES = "Trained on simulations alone: it has never seen a real tomogram."


def _save_weights(path: Path, seed: int = 0, **changes: object) -> Detector:
    """Random weights of a small network for the challenge's objects."""
    torch.manual_seed(seed)
    values = {
        "model": Choice(name="scout_unet", widths=[4, 8]),
        "objects": tuple(entry.model_dump() for entry in CZII.each()),
        "activation": "softmax",
        "stride": 2,
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "patch": (32, 32, 32),
        "picker": Choice(name="local_max"),
        "thresholds": {"ribosome": 0.25},
        "score": {"ribosome": 0.91, "weighted": 0.8125},
        "trained_on": tuple(f"sim_{index}" for index in range(40)),
        "notes": NOTES,
        "recipe": {"kind": "denoised"},
    }
    card = Card(**{**values, **changes})
    network = build_network(card).eval()
    last = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)][-1]
    torch.nn.init.zeros_(last.bias)  # no object is rare: random scores pass thresholds
    detector = Detector(network, card)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_detector(detector, path)
    return detector


def _save_encoder(path: Path, **changes: object) -> EncoderWeights:
    """Random weights of a small encoder."""
    values = {
        "encoder": Choice(name="resnet3d", widths=[4, 8], projection=[8]),
        "crop": (16, 16, 16),
        "slab": 50.0,
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "objective": Choice(name="nt_xent", temperature=0.2),
        "trained_on": ("TS_1", "TS_2"),
        "recipe": {"kind": "denoised", "training": {"steps": 400, "batch_size": 64}},
    }
    card = EncoderCard(**{**values, **changes})
    encoder = EncoderWeights(build_encoder(card), card)
    save_encoder_file(encoder, path)
    return encoder


def _save_classifier(path: Path) -> ClassifierWeights:
    """Random weights of a small classifier."""
    objects = ObjectTable(
        objects=(ObjectType(name="ribosome", radius=150), ObjectType(name="apo", radius=60))
    )
    card = ClassifierCard(
        classifier=Choice(name="linear_head", backbone={"name": "resnet3d", "widths": [4, 8]}),
        objects=objects,
        crop=(8, 8, 8),
        voxel_spacing=10.0,
        normalise=NormaliseSettings(),
        lesson=Choice(name="puzzle", a=0.4),
        background=0.25,
        score={"accuracy": 0.9, "balanced": 0.875, "ribosome": 1.0, "apo": 0.75},
        held_out=("TS_9",),
        trained_on=("TS_1",),
        recipe={"training": {"steps": 600, "batch_size": 64}},
    )
    classifier = ClassifierWeights(build_classifier(card), card)
    save_classifier_file(classifier, path)
    return classifier


def _noise(seed: int = 0) -> Volume:
    data = np.random.default_rng(seed).normal(size=(24, 32, 40)).astype(np.float32)
    return Volume(data, 10.0, "t1")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a tomogram, where nothing is shipped and no folder of weights is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(find, "SHIPPED", tmp_path / "package")
    monkeypatch.delenv("TOMOSCOUT_WEIGHTS", raising=False)
    monkeypatch.setenv("TOMOSCOUT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(console, "_width", 200)  # whatever the terminal, if there is one
    write_volume(_noise(), tmp_path / "t1.mrc")
    return tmp_path


@pytest.fixture
def shipped(place) -> Path:
    _save_weights(place / "package/czii-sim.safetensors")
    return place / "package/czii-sim.safetensors"


@pytest.fixture
def say(place, capsys):
    """Type a command; return its exit code, what it says and what it complains of."""

    def typed(*command: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*command, "--quiet"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed


@pytest.fixture
def save_weights():
    return _save_weights


@pytest.fixture
def noise():
    return _noise


@pytest.fixture
def save_encoder():
    return _save_encoder


@pytest.fixture
def save_classifier():
    return _save_classifier
