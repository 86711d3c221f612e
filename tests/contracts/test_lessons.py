"""What every lesson of the family promises."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tomoscout.classifiers.transformer_head import Settings, build
from tomoscout.lessons import LESSONS

every_lesson = pytest.mark.parametrize("name", LESSONS.names())
KEYS = torch.tensor([[0, i] for i in range(8)])


def classifier():
    torch.manual_seed(0)
    backbone = {"name": "resnet3d", "widths": [8, 16]}
    return build(Settings(backbone=backbone, grid=2, layers=1, heads=2, dropout=0.0), 2)


def lesson(name, seed=0):
    module = LESSONS[name]
    return module.build(module.Settings(), seed=seed)


def balls(seed=0):
    """Crops with a dark half on one side, or on the other."""
    generator = torch.Generator().manual_seed(seed)
    crops = torch.randn(8, 1, 8, 8, 8, generator=generator)
    labels = torch.arange(8) % 2
    crops[labels == 0, :, :, :, :4] -= 2
    crops[labels == 1, :, :, :, 4:] -= 2
    return crops, labels


@every_lesson
def test_it_tells_all_its_terms_and_falls_when_learning(name):
    net = classifier().train()
    taught = lesson(name)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    values = []
    for _ in range(20):
        told = taught(net, *balls(), KEYS)
        optimizer.zero_grad()
        told["loss"].backward()
        optimizer.step()
        values.append(float(told["loss"].detach()))
    assert set(told) == {"loss", *LESSONS[name].TERMS}
    assert "accuracy" in LESSONS[name].TERMS
    assert all(value.shape == () for value in told.values())
    assert values[-1] < values[0] - 0.1


@every_lesson
def test_the_same_seed_and_keys_teach_the_same(name):
    net = classifier().eval()
    crops, labels = balls()
    with torch.no_grad():
        one, two = (lesson(name)(net, crops, labels, KEYS) for _ in range(2))
    assert {k: float(v) for k, v in one.items()} == {k: float(v) for k, v in two.items()}


@every_lesson
def test_the_answers_to_normal_crops_decide_the_accuracy(name):
    net = classifier().eval()
    crops, labels = balls()
    with torch.no_grad():
        right = (net(crops).argmax(1) == labels).float().mean()
        assert lesson(name)(net, crops, labels, KEYS)["accuracy"] == right


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.lessons import LESSONS; LESSONS.names();"
        "assert not {'torch', 'tomoscout.lessons.puzzle'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
