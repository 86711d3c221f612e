"""The verb ``export``, and ``models soup``, through the command line as users call them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tomoscout.cli import main
from tomoscout.core.objects import CZII
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.weights import (
    Card,
    Detector,
    build_network,
    load_detector,
    save_detector,
)
from tomoscout.io.volumes import write_volume
from tomoscout.ops.normalise import NormaliseSettings


def weights(path: Path, *, seed: int = 0, near: Detector | None = None, **changes) -> Detector:
    """Random weights of a small network, or some that went on from others."""
    torch.manual_seed(seed)
    values = {
        "model": Choice(name="scout_unet", widths=[4, 8]),
        "objects": tuple(entry.model_dump() for entry in CZII.each()),
        "activation": "softmax",
        "stride": 2,
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "patch": (16, 16, 16),
        "picker": Choice(name="local_max"),
        "thresholds": {"ribosome": 0.25 + seed / 10},
        "trained_on": (f"run_{seed}",),
    }
    card = Card(**{**values, **changes})
    network = build_network(card).eval()
    if near is not None:
        start = near.network.state_dict()
        with torch.no_grad():
            for name, tensor in network.named_parameters():
                tensor.copy_(start[name] + 0.05 * torch.randn_like(tensor))
    save_detector(Detector(network, card), path)
    return load_detector(path)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = weights(Path("a.safetensors"))
    weights(Path("b.safetensors"), seed=1, near=first)
    weights(Path("far.safetensors"), seed=2)
    return tmp_path


def run(command: str, capsys) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(command.split())
    told = capsys.readouterr()
    return code, told.out, told.err


def test_an_ensemble_becomes_one_onnx_file(place, capsys):
    command = "export a.safetensors b.safetensors -o out.onnx --tile 8,16,16 --shares 0.7,0.3"
    code, out, error = run(command, capsys)
    assert code == 0, error
    assert "a + b as onnx" in out
    assert "largest difference of a probability" in out
    session = onnxruntime.InferenceSession("out.onnx", providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["tomoscout"])
    assert facts["shares"]["ribosome"] == pytest.approx([0.7, 0.3])
    assert facts["thresholds"]["ribosome"] == pytest.approx(0.3)
    (found,) = session.run(None, {"tile": np.zeros((1, 1, 8, 16, 16), np.float32)})
    assert found.shape == (1, 6, 4, 8, 8)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("-o out.bin", "say the format with --to or a suffix"),
        ("-o out.pt --tile 9,16,16", "use 8,16,16"),
        ("-o out.pt --tile 8,16", "write three edges in voxels"),
        ("-o a.safetensors --to torchscript", "a file of torchscript ends in .pt"),
        ("-o there.pt", "there.pt: exists: pass --overwrite"),
        ("-o out.pt --shares 1,2", "2 shares for 1 models"),
        ("-o out.onnx --precision bfloat16", "ONNX files are written in float32"),
    ],
)
def test_mistakes_are_told_in_one_line(more, words, place, capsys):
    Path("there.pt").write_text("mine")
    code, _, error = run(f"export a.safetensors {more} -q", capsys)
    assert code == 2
    (line,) = error.splitlines()
    assert words in line
    assert not Path("out.pt").exists()
    assert Path("there.pt").read_text() == "mine"


def test_weights_become_a_soup(place, capsys):
    command = "models soup a.safetensors b.safetensors -o soup.safetensors --shares 3,1"
    code, out, error = run(command, capsys)
    assert code == 0, error
    a, b, made = (load_detector(f"{name}.safetensors") for name in ("a", "b", "soup"))
    name = "head.weight"
    parts = [one.network.state_dict()[name] for one in (a, b, made)]
    torch.testing.assert_close(parts[2], 0.75 * parts[0] + 0.25 * parts[1])
    assert made.card.thresholds["ribosome"] == pytest.approx(0.275)
    assert made.card.trained_on == ("run_0", "run_1")
    assert "cosine of the weights with a's: b 0.7" in out
    assert "far from" not in error
    code, out, _ = run("models inspect soup.safetensors", capsys)
    assert "started from soup of a, b" in " ".join(out.split())


def test_a_soup_of_strangers_is_warned_of(place, capsys):
    code, _, error = run("models soup a.safetensors far.safetensors -o s.safetensors", capsys)
    assert code == 0
    assert "far: far from a: networks from different starts cannot be averaged" in error


def test_norms_are_measured_on_tomograms(place, capsys):
    data = np.random.default_rng(0).normal(3, 2, (24, 24, 24)).astype(np.float32)
    write_volume(Volume(data, 10.0, "t1"), place / "t1.mrc")
    command = "models soup a.safetensors b.safetensors -o soup.safetensors --project t1.mrc"
    code, out, error = run(command, capsys)
    assert code == 0, error
    assert "measured anew on 32 patches" in out
    norm = load_detector("soup.safetensors").network.stem[1]
    assert float(norm.running_mean.abs().max()) > 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("models soup a.safetensors b.safetensors", "give the file to write"),
        ("models soup a.safetensors -o s.safetensors", "give two or more"),
        ("models soup a.safetensors b.safetensors -o s.pt", "give it that suffix"),
        ("models soup a.safetensors b.safetensors -o a.safetensors", "a.safetensors: exists"),
        ("models soup a.safetensors b.safetensors -o s.safetensors --shares 1", "1 for 2"),
        ("models soup a.safetensors b.safetensors -o s.safetensors --runs x", "with --project"),
        ("models soup a.safetensors few.safetensors -o s.safetensors", "they find apo-ferritin"),
        ("models inspect a.safetensors b.safetensors", "unexpected argument 'b.safetensors'"),
        ("models inspect a.safetensors --shares 1,2", "models inspect takes nothing"),
    ],
)
def test_soups_that_cannot_be_are_refused(command, words, place, capsys):
    few = tuple(entry.model_dump() for entry in CZII.objects[:2])
    weights(Path("few.safetensors"), objects=few, thresholds={})
    code, _, error = run(f"{command} -q", capsys)
    assert code == 2
    (line,) = error.splitlines()
    assert words in line
    assert not Path("s.safetensors").exists()
