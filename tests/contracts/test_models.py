"""What every network of the family promises (DESIGN, section 4)."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file

from tomoscout.models import MODELS, Encoding


def shape_of(network) -> tuple[int, int, int]:
    """A small patch, longer along x, whose deepest cells are more than one."""
    z, y, x = (-(-n // d) * d for n, d in zip((24, 32, 40), network.divisor, strict=True))
    return z, y, x if x > y else x + network.divisor[2]


@pytest.fixture(params=MODELS.names())
def network(request: pytest.FixtureRequest, make_network):
    return make_network(request.param)


def test_outputs_are_logits_at_the_declared_strides(network):
    shape = shape_of(network)
    outputs = network(torch.randn(2, 1, *shape))
    assert isinstance(outputs, tuple)
    assert len(outputs) == len(network.strides)
    for logits, stride in zip(outputs, network.strides, strict=True):
        assert logits.shape == (2, 7, *(n // stride for n in shape))


def test_every_weight_learns(network):
    network.train()
    sum(
        out.float().square().mean() for out in network(torch.randn(2, 1, *shape_of(network)))
    ).backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None]
    assert silent == []


@torch.inference_mode()
def test_deepest_features_tell_patches_apart_as_logits_do(network):
    if not isinstance(network, Encoding):
        pytest.skip("is not trained without labels")
    x = torch.randn(2, 1, *shape_of(network))
    found = network.encode(x)
    assert found.shape[:2] == (2, network.width)
    assert all(n % k == 0 for n, k in zip(x.shape[2:], found.shape[2:], strict=True))
    other = network.encode(x.flip(0))
    torch.testing.assert_close(other.flip(0), found, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="multiple"):
        network.encode(torch.zeros(1, 1, *(3 * n + 1 for n in network.divisor)))


def test_a_wrong_patch_names_the_nearest_right_one(network):
    if network.divisor == (1, 1, 1):
        pytest.skip("takes any shape")
    wrong = [3 * n + 1 for n in network.divisor]
    right = str(tuple(3 * n for n in network.divisor))
    with pytest.raises(ValueError, match="multiple") as error:
        network(torch.zeros(1, 1, *wrong))
    assert right in str(error.value)


def test_saved_weights_give_the_same_logits(network, make_network, tmp_path, request):
    name = request.node.callspec.params["network"]
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    other = make_network(name, seed=1)
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    x = torch.randn(1, 1, *shape_of(network))
    with torch.inference_mode():
        torch.testing.assert_close(other(x)[0], network(x)[0], rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_torchscript_gives_the_same_logits(network):
    x = torch.randn(1, 1, *shape_of(network))
    with torch.inference_mode():
        scripted = torch.jit.trace(network, x, check_trace=False)
        torch.testing.assert_close(scripted(x)[0], network(x)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore:ONNX export mode"
)
def test_onnx_gives_the_same_logits(network, tmp_path):
    x, path = torch.randn(1, 1, *shape_of(network)), tmp_path / "network.onnx"
    torch.onnx.export(network, (x,), path, dynamo=False, opset_version=17)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = network(x)
    for found, logits in zip(
        session.run(None, {session.get_inputs()[0].name: x.numpy()}), expected, strict=True
    ):
        np.testing.assert_allclose(found, logits.numpy(), rtol=1e-3, atol=1e-4)


def test_bf16_stays_near_float32(network):
    x = torch.randn(1, 1, *shape_of(network))
    with torch.inference_mode():
        exact = network(x)[0]
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(x)[0].float()
    assert float((rough - exact).abs().mean()) < 0.05 * float(exact.abs().mean() + exact.std())


def test_a_particle_changes_the_logits_most_where_it_is(network):
    """Catches exchanged axes and shifted maps: the place differs along z, y and x."""
    shape = [-(-max(48, 3 * d) // d) * d for d in network.divisor]
    at = np.array([n * k // 4 for n, k in zip(shape, (1, 2, 3), strict=True)])
    with torch.inference_mode():
        image = torch.zeros(1, 1, *shape)
        flat = network(image)[0]
        image[(0, 0, *at.tolist())] = 10.0
        change = (network(image)[0] - flat).abs().sum(1)[0].numpy()
    stride = network.strides[0]
    highest = np.array(np.unravel_index(change.argmax(), change.shape))
    assert np.abs(highest * stride + (stride - 1) / 2 - at).max() < 7.0
