"""``tomoscout models import``: a published checkpoint becomes weights that pick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tomoscout.cli import main
from tomoscout.commands._console import console
from tomoscout.core.objects import CZII
from tomoscout.core.volume import Volume
from tomoscout.inference.download import checksum
from tomoscout.inference.weights import load_detector
from tomoscout.io.volumes import write_volume


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A checkpoint with the competition's names; its numbers mean nothing."""
    from monai.networks.nets import FlexibleUNet

    torch.manual_seed(0)
    widths = (32, 24, 16, 12, 8)  # the published ones are eight times as wide
    net = FlexibleUNet(
        1, 7, "efficientnet-b0", pretrained=False, decoder_channels=widths, spatial_dims=3
    )
    heads = {
        f"segmentation_heads.{n}.0.{name}": value
        for n, width in enumerate(widths[:-1])
        for name, value in nn.Conv3d(width, 7, 3).state_dict().items()
    }
    state = {k: v for k, v in net.state_dict().items() if not k.startswith("segmentation_head.")}
    path = tmp_path_factory.mktemp("published") / "winner.pth"
    torch.save({"model": {f"backbone.{k}": v for k, v in (state | heads).items()}}, path)
    return path


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """Type a command in an empty folder; return its exit code and what it says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "_width", 200)  # whatever the terminal, if there is one

    def typed(*command: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*command, "--quiet"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed


def test_an_imported_checkpoint_is_told_verified_and_picks(say, checkpoint, tmp_path):
    code, out, error = say("models", "import", str(checkpoint))
    assert code == 0, error
    assert [line.split(":")[0] for line in out.splitlines()[:4]] == [
        "ok  file", "ok  card", "ok  tensors", "ok  forward pass",
    ]  # fmt: skip
    assert "network efficientnet-b0, logits at strides 2" in out
    assert "tomoscout tune winner.safetensors PROJECT" in out
    assert load_detector(tmp_path / "winner.safetensors").objects.names == CZII.names
    code, out, _ = say("models", "inspect", "winner.safetensors")
    assert code == 0
    assert "imported from winner.pth" in " ".join(out.split())
    data = np.random.default_rng(0).normal(size=(32, 40, 48)).astype(np.float32)
    write_volume(Volume(data, 10.0, "t1"), tmp_path / "t1.mrc")
    code, _, error = say("pick", "t1.mrc", "-o", "picks", "--model", "winner.safetensors")
    assert code == 0, error
    assert (tmp_path / "picks/pick.json").is_file()


def test_output_and_runs_are_as_asked_for(say, checkpoint, tmp_path):
    flags = ("-o", "own/w.safetensors", "--trained-on", "TS_6_4, TS_6_6")
    code, _, error = say(
        "models", "import", str(checkpoint), *flags, "--sha256", checksum(checkpoint)
    )
    assert code == 0, error
    card = load_detector(tmp_path / "own/w.safetensors").card
    assert card.trained_on == ("TS_6_4", "TS_6_6")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("models import", "give the checkpoint"),
        ("models import none.pth", "none.pth: no such file"),
        ("models import text.pth", "text.pth: not a checkpoint"),
        ("models import text.pth -o w.pt", "give it that suffix"),
        ("models import text.pth -o old.safetensors", "old.safetensors: exists"),
        (f"models import text.pth --sha256 {'0' * 64}", "as asked: get it anew"),
        ("models list -o w.safetensors", "models list writes nothing; use models import"),
        ("models inspect --trained-on TS_6_4", "models inspect takes nothing; use models import"),
        ("models list --sha256 12", "models list checks nothing; use models verify or import"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(command, words, say, tmp_path):
    (tmp_path / "text.pth").write_text("weights")
    (tmp_path / "old.safetensors").touch()
    code, _, error = say(*command.split())
    assert code == 2, error
    (line,) = error.splitlines()
    assert words in line
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old.safetensors", "text.pth"]
