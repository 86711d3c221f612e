from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from tomoscout.core.errors import UserError
from tomoscout.models._convnext import ConvNeXt
from tomoscout.models._pretrained import adapt_stem, load_encoder
from tomoscout.models._resnetd import ResNetD


@pytest.fixture(scope="module")
def trained() -> dict[str, torch.Tensor]:
    """What timm would give: an encoder of colours, and a classifier."""
    torch.manual_seed(1)
    encoder = ResNetD("resnet18d", 3, "batch")
    for name, value in encoder.state_dict().items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5) if "var" in name or "weight" in name else value.normal_()
    classifier = {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    return {**encoder.state_dict(), **classifier}


@pytest.fixture
def colour(trained) -> ResNetD:
    """The network for photographs."""
    encoder = ResNetD("resnet18d", 3, "batch").eval()
    encoder.load_state_dict({k: v for k, v in trained.items() if not k.startswith("fc.")})
    return encoder


def features(encoder, x: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        for step in encoder.steps():
            x = step(x)
    return x


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", "-wrapped.pth"])
def test_a_grey_slice_gives_what_the_grey_photograph_gave(suffix, trained, colour, tmp_path):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(trained, path)
    else:
        torch.save({"state_dict": trained} if "wrapped" in suffix else trained, path)
    grey = ResNetD("resnet18d", 1, "batch").eval()
    load_encoder(grey, path, name="resnet18d")
    x = torch.rand(1, 1, 64, 64)
    expected = features(colour, x.expand(1, 3, 64, 64))
    torch.testing.assert_close(features(grey, x), expected, rtol=1e-3, atol=1e-4)


def test_five_equal_slices_give_what_three_equal_colours_gave_on_average():
    kernel = torch.randn(4, 3, 3, 3)
    adapted = adapt_stem(kernel, 5)
    torch.testing.assert_close(adapted[:, 3], kernel[:, 0] * 3 / 5)  # in turn
    torch.testing.assert_close(adapted[:, 4], kernel[:, 1] * 3 / 5)
    equal = adapt_stem(kernel.mean(dim=1, keepdim=True).expand(4, 3, 3, 3), 5)
    torch.testing.assert_close(equal.sum(dim=1), kernel.sum(dim=1))
    torch.testing.assert_close(adapt_stem(kernel, 3), kernel)


def test_group_norm_takes_scales_and_leaves_statistics(trained, tmp_path):
    save_file(trained, tmp_path / "w.safetensors")
    encoder = ResNetD("resnet18d", 1, "group")
    load_encoder(encoder, tmp_path / "w.safetensors", name="resnet18d")
    torch.testing.assert_close(encoder.layer3[0].bn2.weight.data, trained["layer3.0.bn2.weight"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda w: w.pop("layer1.0.bn2.bias"), "missing layer1.0.bn2.bias$"),
        (lambda w: w.pop("bn1.running_mean"), "missing bn1.running_mean$"),
        (lambda w: w.update(extra=torch.zeros(1)), "unknown extra$"),
        (lambda w: w.update({"bn1.weight": torch.zeros(3)}), r"'bn1.weight' has shape \(3,\)"),
    ],
)
def test_other_weights_are_refused_by_name(change, told, trained, tmp_path):
    weights = dict(trained)
    change(weights)
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=told):
        load_encoder(ResNetD("resnet18d", 1, "batch"), tmp_path / "w.safetensors", name="resnet18d")


def test_weights_of_another_network_are_refused_in_one_line(trained, tmp_path):
    save_file(trained, tmp_path / "w.safetensors")
    with pytest.raises(
        UserError, match=r"not weights of convnext_atto: missing stem.*more"
    ) as told:
        load_encoder(ConvNeXt("convnext_atto", 1), tmp_path / "w.safetensors", name="convnext_atto")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 400


class Rogue:
    """Would run code when unpickled."""

    def __reduce__(self):
        return (print, ("unpickled",))


def test_a_file_that_holds_more_than_tensors_is_never_unpickled(tmp_path, capsys):
    torch.save({"bn1.weight": Rogue()}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="not a file of plain tensors"):
        load_encoder(ResNetD("resnet18d", 1, "batch"), tmp_path / "w.pth", name="resnet18d")
    assert capsys.readouterr().out == ""


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_encoder(ResNetD("resnet18d", 1, "batch"), tmp_path / "w.pth", name="resnet18d")


@pytest.mark.parametrize("content", [b"", b"not weights"])
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_broken_file_is_said(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="not a file of plain tensors"):
        load_encoder(ResNetD("resnet18d", 1, "batch"), tmp_path / name, name="resnet18d")


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"tomoscout\[timm\]"):
        load_encoder(ResNetD("resnet18d", 1, "batch"), "timm", name="resnet18d")


def test_timm_is_asked_for_the_encoder_by_name(monkeypatch, trained):
    asked = {}

    def create_model(name, *, pretrained):
        asked[name] = pretrained
        return SimpleNamespace(state_dict=lambda: trained)

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create_model))
    encoder = ResNetD("resnet18d", 1, "batch")
    load_encoder(encoder, "timm", name="resnet18d")
    assert asked == {"resnet18d": True}
    torch.testing.assert_close(
        encoder.conv1[0].weight.data, trained["conv1.0.weight"].sum(1, keepdim=True)
    )
