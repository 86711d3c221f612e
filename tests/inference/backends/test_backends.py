"""What every backend promises: the network's own logits, for every network."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import types
import weakref

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.inference.backends import BACKENDS, fastest, find_backend
from tomoscout.inference.backends.torch import fold_norms
from tomoscout.models import MODELS, Network

CPU = torch.device("cpu")
QUICK = ["onnx", "torch", "torchscript"]


def build(name, small, *, seed=0, channels=3):
    """A network by name with random weights, its norms with statistics that matter."""
    torch.manual_seed(seed)
    module = MODELS[name]
    network = module.build(validate(module.Settings, small.get(name, {}), source=name), 1, channels)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            torch.nn.init.normal_(part.running_mean, 0, 0.3)
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, 0, 0.3)
    return network.eval()


def tile_of(network) -> tuple[int, int, int]:
    """A small tile that the network takes, longest along x."""
    z, y, x = (-(-n // d) * d for n, d in zip((16, 16, 24), network.divisor, strict=True))
    return z, y, x


def compare(backend, network, *, bf16, folder=None):
    """Hold what a backend gives against what the network itself gives."""
    tile = tile_of(network)
    ready = BACKENDS[backend].prepare(network, tile=tile, device=CPU, folder=folder, bf16=bf16)
    assert (ready.tile, ready.divisor) == (tile, network.divisor)
    assert ready.strides == network.strides[:1]
    assert isinstance(ready, Network)
    assert ready.to(CPU).eval() is ready
    x = torch.randn(1, 1, *tile).to(memory_format=torch.channels_last_3d)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        expected, found = network(x)[0].float(), ready(x)[0]
    assert found.dtype == torch.float32
    spread = float(expected.abs().mean() + expected.std())
    atol = 0.3 * spread if bf16 else 1e-4 * spread
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)
    return ready


@pytest.mark.parametrize("backend", QUICK)
@pytest.mark.parametrize("name", MODELS.names())
def test_the_logits_are_the_networks_own(backend, name, small_networks, tmp_path):
    compare(backend, build(name, small_networks), bf16=False, folder=tmp_path)


@pytest.mark.parametrize("name", MODELS.names())
def test_openvino_gives_the_networks_own_logits(name, small_networks, tmp_path):
    pytest.importorskip("openvino")
    compare("openvino", build(name, small_networks), bf16=False, folder=tmp_path)


@pytest.mark.parametrize("name", ["flexible_unet", "scout_unet", "unet25d"])
@pytest.mark.parametrize("backend", ["openvino", "torch", "torchscript"])
def test_in_bf16_they_are_near(backend, name, small_networks, tmp_path):
    if backend == "openvino":
        pytest.importorskip("openvino")
    compare(backend, build(name, small_networks), bf16=True, folder=tmp_path)


def spots(weight=0.0):
    """A network of one convolution and one norm, and what it says where."""

    class Spots(torch.nn.Module):
        strides = (1,)
        divisor = (1, 1, 1)

        def __init__(self):
            super().__init__()
            self.convolution = torch.nn.Conv3d(1, 2, 3, padding=1)
            self.norm = torch.nn.BatchNorm3d(2)

        def forward(self, x):
            x = self.convolution(x)
            return (self.norm(x) + weight * x,)

    torch.manual_seed(0)
    network = Spots().eval()
    network.norm.running_mean.fill_(0.7)
    network.norm.running_var.fill_(3.0)
    return network


def test_a_norm_is_folded_into_its_convolution():
    network = spots()
    assert fold_norms(network, torch.zeros(1, 1, 4, 4, 4)) == 1
    assert isinstance(network.norm, torch.nn.Identity)
    x = torch.randn(1, 1, 4, 5, 6)
    with torch.inference_mode():
        torch.testing.assert_close(network(x)[0], spots()(x)[0])


def test_a_map_that_is_used_before_its_norm_too_stays_right():
    """Folding would change it; the network is then taken as it is."""
    compare("torch", spots(weight=1.0), bf16=False)


def test_a_network_made_ready_is_kept_until_its_weights_change_or_it_goes():
    network = spots()
    first = BACKENDS["torch"].prepare(network, tile=(4, 4, 4), device=CPU)
    assert BACKENDS["torch"].prepare(network, tile=(4, 4, 4), device=CPU) is first
    assert BACKENDS["torch"].prepare(network, tile=(4, 4, 8), device=CPU) is not first
    network.norm.running_mean.fill_(5.0)
    assert BACKENDS["torch"].prepare(network, tile=(4, 4, 4), device=CPU) is not first
    for backend in ("torch", "torchscript"):
        gone = weakref.ref(network := spots())
        BACKENDS[backend].prepare(network, tile=(4, 4, 4), device=CPU)
        del network
        gc.collect()
        assert gone() is None, backend


def test_another_tile_is_refused():
    ready = BACKENDS["torch"].prepare(spots(), tile=(4, 4, 4), device=CPU)
    with pytest.raises(
        ValueError, match=r"prepared for tiles of \(4, 4, 4\) voxels, got \(4, 4, 5\)"
    ):
        ready(torch.zeros(1, 1, 4, 4, 5))
    with pytest.raises(TypeError, match="prepare their network"):
        ready.load_state_dict({})


def test_files_are_used_again_and_damaged_ones_made_anew(tmp_path):
    for _ in range(2):  # the second network is another object with the same weights
        compare("onnx", spots(), bf16=False, folder=tmp_path)
        (file,) = tmp_path.iterdir()
        made = file.stat().st_mtime_ns
    compare("onnx", spots(), bf16=False, folder=tmp_path)
    assert file.stat().st_mtime_ns == made
    file.write_bytes(b"no")
    compare("onnx", spots(), bf16=False, folder=tmp_path)
    other = spots()
    other.norm.running_mean.fill_(5.0)
    compare("onnx", other, bf16=False, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_scores_that_are_not_the_networks_are_refused(tmp_path):
    network = spots()
    compare("onnx", network, bf16=False, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    other = spots()
    torch.nn.init.constant_(other.convolution.weight, 0.3)
    compare("onnx", other, bf16=False, folder=tmp_path / "other")
    (wrong,) = (tmp_path / "other").iterdir()
    file.write_bytes(wrong.read_bytes())
    with pytest.raises(UserError, match=r"its scores are not the network's .*use --backend torch"):
        BACKENDS["onnx"].prepare(spots(), tile=(16, 16, 24), device=CPU, folder=tmp_path)


@pytest.mark.parametrize(
    ("backend", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")]
)
def test_a_missing_extra_is_named_with_the_remedy(backend, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "onnx", sys.modules.get("onnx") or types.ModuleType("onnx"))
    for refused in (
        lambda: find_backend(backend),
        lambda: BACKENDS[backend].prepare(spots(), tile=(4, 4, 4), device=CPU),
    ):
        with pytest.raises(UserError, match=rf"pip install 'tomoscout\[{backend}\]'") as error:
            refused()
        assert package in str(error.value)


@pytest.mark.parametrize("backend", ["openvino", "inductor"])
def test_backends_for_processors_refuse_graphics_cards(backend):
    with pytest.raises(UserError, match="computes on the CPU, found --device cuda"):
        BACKENDS[backend].prepare(spots(), tile=(4, 4, 4), device=torch.device("cuda"))


def test_inductor_without_a_compiler_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UserError, match=r"needs a C\+\+ compiler"):
        BACKENDS["inductor"].prepare(spots(), tile=(4, 4, 4), device=CPU, folder=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_inductor_gives_the_networks_own_logits(tmp_path):
    for _ in range(2):
        compare("inductor", spots(), bf16=False, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.inference.backends import BACKENDS; BACKENDS.names(); "
        "assert not {'torch', 'onnxruntime', 'openvino'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_needs_no_extra():
    assert fastest(CPU) in ("torch", "torchscript")
    assert fastest(torch.device("cuda")) == "torch"
