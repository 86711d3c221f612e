"""What every classifier of the family promises, on whole crops and on single slices."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from tomoscout.classifiers import CLASSIFIERS, Classifier
from tomoscout.core.settings import validate

BACKBONES = {
    "resnet3d": {"name": "resnet3d", "widths": [8, 16]},
    "resnet20_flat": {"name": "resnet20_flat"},
}
SMALL = {"transformer_head": {"grid": 2, "layers": 2, "heads": 2}}
"""Options under which a classifier that is large otherwise is tested."""

CLASSES = 5


def make(name: str, backbone: str, seed: int = 0, classes: int = CLASSES):
    torch.manual_seed(seed)
    module = CLASSIFIERS[name]
    options = {"backbone": BACKBONES[backbone], **SMALL.get(name, {})}
    return module.build(validate(module.Settings, options, source=name), classes)


def crops(classifier, count: int = 3, seed: int = 0):
    z, y, x = (2 * n for n in classifier.divisor)
    shape = (1 if classifier.flat else z, y, x)
    return torch.randn(count, 1, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=CLASSIFIERS.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=list(BACKBONES))
def backbone(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def classifier(name, backbone):
    return make(name, backbone).eval()


@torch.inference_mode()
def test_crops_become_tokens_and_tokens_logits(classifier):
    assert isinstance(classifier, Classifier)
    x = crops(classifier)
    places = classifier.grid[0] * classifier.grid[1] * classifier.grid[2]
    tokens = classifier.encode(x)
    assert tokens.shape[:2] == (3, places)
    logits = classifier(x)
    assert logits.shape == (3, classifier.classes) == (3, CLASSES)
    torch.testing.assert_close(classifier.decide(tokens), logits)
    own = torch.arange(places).expand(3, places)
    torch.testing.assert_close(classifier(x, own), logits)


def test_every_weight_learns(name, backbone):
    """Zeroed blocks hold others still for a step, so it is the second step that counts."""
    classifier = make(name, backbone).train()
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.1)
    for seed in range(2):
        optimizer.zero_grad()
        logits = classifier(crops(classifier, 4, seed))
        torch.nn.functional.cross_entropy(logits, torch.arange(4)).backward()
        optimizer.step()
    silent = [n for n, p in classifier.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_a_wrong_crop_names_the_nearest_right_one(classifier):
    wrong = tuple(3 * n + (n > 1) for n in classifier.divisor)
    right = tuple(1 if classifier.flat and k == 0 else 3 * n
                  for k, n in enumerate(classifier.divisor))  # fmt: skip
    with pytest.raises(ValueError, match="multiple") as error:
        classifier(torch.zeros(1, 1, 1 if classifier.flat else wrong[0], *wrong[1:]))
    assert str(right) in str(error.value)


@torch.inference_mode()
def test_saved_weights_give_the_same_logits(name, backbone, classifier, tmp_path):
    save_file(classifier.state_dict(), tmp_path / "w.safetensors")
    other = make(name, backbone, seed=1).eval()
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    x = crops(classifier)
    torch.testing.assert_close(other(x), classifier(x), rtol=0, atol=0)


@torch.inference_mode()
def test_in_use_a_crop_has_one_answer_whatever_comes_with_it(classifier):
    x = crops(classifier)
    assert torch.equal(classifier(x), classifier(x))
    torch.testing.assert_close(classifier(x[1:2])[0], classifier(x)[1], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_bf16_stays_near_float32(classifier):
    x = crops(classifier)
    exact = classifier(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = classifier(x)
    assert rough.dtype == torch.float32
    assert float((rough - exact).abs().mean()) < 0.05 * float(exact.abs().mean() + exact.std())


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.classifiers import CLASSIFIERS; CLASSIFIERS.names();"
        "assert not {'torch', 'tomoscout.classifiers.linear_head'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
