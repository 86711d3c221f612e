"""What every encoder of the family promises."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from tomoscout.core.settings import validate
from tomoscout.encoders import ENCODERS, Encoder, Mapped

SMALL = {
    "detector": {"model": {"name": "scout_unet", "widths": [8, 16]}},
    "token_summary": {"layers": 2, "width": 32, "heads": 2, "patch": [12, 12, 12]},
    "resnet18_flat": {"projection": [64, 32]},
    "resnet50_flat": {"projection": [64, 32]},
}
"""Options under which an encoder that is large otherwise is tested."""


def make(name: str, seed: int = 0):
    torch.manual_seed(seed)
    module = ENCODERS[name]
    return module.build(validate(module.Settings, SMALL.get(name, {}), source=name))


def crops(encoder, count: int = 3, seed: int = 0):
    """Small crops, longer along x."""
    z, y, x = (-(-n // d) * d for n, d in zip((12, 12, 16), encoder.divisor, strict=True))
    shape = (1 if encoder.flat else z, y, x if x > y else x + encoder.divisor[2])
    return torch.randn(count, 1, *shape, generator=torch.Generator().manual_seed(seed))


def awake(encoder):
    """Let blocks that start as their shortcut take part."""
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.endswith(("norm2.weight", "norm3.weight")):
                parameter.fill_(0.5)
    return encoder


@pytest.fixture(params=ENCODERS.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def encoder(name):
    return awake(make(name)).eval()


@torch.inference_mode()
def test_crops_become_features_and_features_projections(encoder):
    assert isinstance(encoder, Encoder)
    features = encoder(crops(encoder))
    assert features.shape == (3, encoder.features)
    assert features.dtype == torch.float32
    assert encoder.project(features).shape == (3, encoder.projection)
    assert features.std(0).min() >= 0
    assert (features[0] - features[1]).abs().max() > 1e-4  # unlike crops, unlike features


@torch.inference_mode()
def test_features_are_the_mean_over_the_map_where_one_is_offered(encoder):
    if not isinstance(encoder, Mapped):
        pytest.skip("offers no map")
    shape = [2 * n for n in encoder.stride]
    x = torch.randn(2, 1, 1 if encoder.flat else shape[0], *shape[1:])
    deepest = encoder.encode(x)
    assert deepest.shape == (2, encoder.features, 1 if encoder.flat else 2, 2, 2)
    torch.testing.assert_close(deepest.mean(dim=(2, 3, 4)), encoder(x))


def test_every_weight_that_is_said_to_learn_does(name):
    """Zeroed blocks hold others still for a step, so it is the second step that counts."""
    encoder = make(name).train()
    learnt = {n: p for n, p in encoder.named_parameters() if p.requires_grad}
    optimizer = torch.optim.SGD(learnt.values(), lr=0.1)
    for seed in range(2):
        optimizer.zero_grad()
        found = encoder.project(encoder(crops(encoder, 4, seed)))
        (found - torch.randn(found.shape)).square().mean().backward()
        optimizer.step()
    silent = [n for n, p in learnt.items() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_what_does_not_learn_has_no_say(name):
    encoder = make(name).eval()
    x = crops(encoder)
    with torch.no_grad():
        before = encoder.project(encoder(x))
        for parameter in encoder.parameters():
            if not parameter.requires_grad:
                parameter.add_(1.0)
        assert torch.equal(encoder.project(encoder(x)), before)


def test_a_wrong_crop_names_the_nearest_right_one(encoder):
    wrong = tuple(3 * n + (n > 1) for n in encoder.divisor)
    right = tuple(1 if encoder.flat and k == 0 else 3 * n for k, n in enumerate(encoder.divisor))
    x = torch.zeros(1, 1, 1 if encoder.flat else wrong[0], *wrong[1:])
    with pytest.raises(ValueError, match="multiple") as error:
        encoder(x)
    assert str(right) in str(error.value)


def test_a_flat_encoder_refuses_more_than_one_slice(encoder):
    if not encoder.flat:
        pytest.skip("looks at whole crops")
    with pytest.raises(ValueError, match=r"single slices: use \(1, 16, 24\)"):
        encoder(torch.zeros(1, 1, 3, 16, 24))


@torch.inference_mode()
def test_saved_weights_give_the_same_vectors(name, encoder, tmp_path):
    save_file(encoder.state_dict(), tmp_path / "w.safetensors")
    other = make(name, seed=1).eval()
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    x = crops(encoder)
    torch.testing.assert_close(other(x), encoder(x), rtol=0, atol=0)
    torch.testing.assert_close(other.project(other(x)), encoder.project(encoder(x)), rtol=0, atol=0)


@torch.inference_mode()
def test_in_use_a_crop_has_one_vector_whatever_comes_with_it(encoder):
    x = crops(encoder)
    assert torch.equal(encoder(x), encoder(x))
    torch.testing.assert_close(encoder(x[1:2])[0], encoder(x)[1], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_bf16_stays_near_float32(encoder):
    x = crops(encoder)
    exact = encoder(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = encoder(x)
        encoder.project(rough)
    assert rough.dtype == torch.float32
    assert float((rough - exact).abs().mean()) < 0.05 * float(exact.abs().mean() + exact.std())


def test_shapes_are_known_without_memory(name):
    with torch.device("meta"):
        encoder = make(name)
    assert all(p.is_meta for p in encoder.parameters())
    assert encoder.features > 0
