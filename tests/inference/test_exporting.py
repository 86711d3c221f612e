"""Models as files: the same probabilities, and all that one must know to use them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.ensemble import join
from tomoscout.inference.exporting import export, format_of
from tomoscout.inference.stream import stream_model
from tomoscout.inference.tiling import WindowSettings
from tomoscout.inference.weights import Card, Detector, build_network
from tomoscout.ops.normalise import NormaliseSettings, measure

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

TILE = (16, 24, 32)
LARGE, SMALL = ObjectType(name="large", radius=60), ObjectType(name="small", radius=30)


def detector(*, seed=0, model="scout_unet", objects=(LARGE, SMALL), stride=2, **changes):
    """A small network that says something: no object is rare."""
    torch.manual_seed(seed)
    small = {"scout_unet": {"widths": [8, 16]}, "unet": {"channels": [4, 8], "strides": [2]}}
    card = Card(
        model=Choice(name=model, **small[model]),
        objects=tuple(entry.model_dump() for entry in ObjectTable(objects=objects).each()),
        **{
            "activation": "softmax",
            "stride": stride,
            "voxel_spacing": 10.0,
            "normalise": NormaliseSettings(),
            "patch": (16, 16, 16),
            "picker": Choice(name="local_max"),
            "thresholds": {"large": 0.4},
        }
        | changes,
    )
    network = build_network(card).eval()
    for name, weight in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, 0, 0.5)
    return Detector(network, card, f"net{seed}.safetensors")


def in_one_tile(model, volume):
    """The score map as prediction gives it, in a single tile."""
    window = WindowSettings(limit=TILE)
    slabs = list(stream_model(volume, model, window=window, device="cpu"))
    return np.concatenate([slab.scores for slab in slabs], axis=1).astype(np.float32)


@pytest.fixture
def volume():
    data = np.random.default_rng(0).normal(size=TILE).astype(np.float32)
    return Volume(data, 10.0)


def normalised(volume, facts):
    """Do what the file says must be done before."""
    settings = NormaliseSettings.model_validate(facts["normalise"])
    return measure(volume, settings).apply(volume.read())[None, None]


def mixed():
    """Members with other objects, another stride, other shares."""
    members = [
        detector(seed=1),
        detector(seed=2, objects=(SMALL,), activation="sigmoid"),
        detector(seed=3, objects=(SMALL, LARGE), model="unet", stride=1),
    ]
    return join(members, shares=[0.5, 0.3, 0.2])


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
@pytest.mark.parametrize("kind", ["one", "mixed", "logits"])
def test_a_file_gives_the_scores_that_prediction_gives(suffix, kind, volume, tmp_path):
    models = {
        "one": lambda: detector(),
        "mixed": mixed,
        "logits": lambda: join([detector(), detector(seed=4)], blend="logits", shares=[0.6, 0.4]),
    }
    model, path = models[kind](), tmp_path / f"out{suffix}"
    shares = []
    made = export(model, path, tile=TILE, progress=shares.append)
    assert made.difference < 1e-4
    assert shares[-1] == 1.0
    if suffix == ".pt":
        extra = {"tomoscout.json": ""}
        module = torch.jit.load(path, _extra_files=extra)
        facts = json.loads(extra["tomoscout.json"])
        found = module(torch.from_numpy(normalised(volume, facts))).detach().numpy()
    else:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        facts = json.loads(session.get_modelmeta().custom_metadata_map["tomoscout"])
        (found,) = session.run(None, {session.get_inputs()[0].name: normalised(volume, facts)})
    assert facts == made.facts
    assert [row["name"] for row in facts["objects"]] == ["large", "small"]
    assert (facts["stride"], facts["voxel_spacing"]) == (model.card.stride, 10.0)
    np.testing.assert_allclose(found[0], in_one_tile(model, volume), atol=8e-3)


def test_bf16_files_are_near(volume, tmp_path):
    model = detector()
    made = export(model, tmp_path / "out.pt", tile=TILE, bf16=True)
    assert made.facts["precision"] == "bfloat16"
    found = torch.jit.load(tmp_path / "out.pt")(torch.from_numpy(normalised(volume, made.facts)))
    assert found.dtype == torch.float32
    assert np.abs(found[0].numpy() - in_one_tile(model, volume)).mean() < 0.01


@pytest.mark.parametrize(
    ("name", "to", "words"),
    [
        ("out.bin", None, r"say the format with --to or a suffix: .*onnx \(.onnx\)"),
        ("out.onnx", "torchscript", "ends in .pt"),
        ("out.onnx", "onxn", "Did you mean 'onnx'"),
    ],
)
def test_formats_that_are_none_are_refused(name, to, words, tmp_path):
    with pytest.raises(UserError, match=words):
        format_of(tmp_path / name, to)


def test_what_cannot_be_exported_is_refused_with_the_reason(tmp_path):
    one, other = detector(), detector(seed=1, normalise=NormaliseSettings(method="percentile"))
    path = tmp_path / "out.pt"
    with pytest.raises(UserError, match=r"multiples of 4,4,4 .*use 16,24,32"):
        export(one, path, tile=(17, 24, 32))
    with pytest.raises(UserError, match=r"net0.* and .*net1.* normalise grey values differently"):
        export(join([one, other]), path, tile=TILE)
    with pytest.raises(UserError, match="ranks are counted over a whole tomogram"):
        export(join([one, detector(seed=1)], blend="ranks"), path, tile=TILE)
    with pytest.raises(UserError, match="ONNX files are written in float32"):
        export(one, tmp_path / "out.onnx", tile=TILE, bf16=True)
    path.write_text("mine")
    with pytest.raises(UserError, match="exists: pass --overwrite"):
        export(one, path, tile=TILE)
    assert path.read_text() == "mine"


class Wrong(torch.nn.Module):
    """What it says depends on how often it was asked, which no file can know."""

    strides = (2,)
    divisor = (4, 4, 4)
    asked = 0

    def forward(self, x):
        self.asked += 1
        mean = torch.nn.functional.avg_pool3d(x, 2)
        return (torch.cat([mean, mean + self.asked, -mean], dim=1),)


def test_a_file_that_says_something_else_is_not_written(tmp_path):
    with pytest.raises(UserError, match=r"off by .*: nothing was written"):
        export(replace(detector(), network=Wrong()), tmp_path / "out.pt", tile=TILE)
    assert list(tmp_path.iterdir()) == []
