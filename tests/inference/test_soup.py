"""Weight soups: means of weights, variances of mixtures, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.norms import BATCH_NORMS, measure_norms, random_patches
from tomoscout.inference.soup import alikeness, soup
from tomoscout.inference.weights import Detector, build_network, load_detector, save_detector
from tomoscout.ops.normalise import NormaliseSettings


@pytest.fixture
def others(detector):
    """The detector, and two that went on from it."""

    def moved(seed):
        network = build_network(detector.card)
        network.load_state_dict(detector.network.state_dict())
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for tensor in network.state_dict().values():
                if tensor.is_floating_point():
                    tensor += 0.1 * torch.rand(tensor.shape, generator=generator)
        card = detector.card.model_copy(
            update={
                "trained_on": ("common", f"run_{seed}"),
                "thresholds": {"large": 0.2 * seed, "small": 0.5},
                "tuned_on": ("t",),
                "score": {"weighted": 0.7},
                "recipe": {"kind": "denoised", "training": {"seed": seed}},
            }
        )
        return Detector(network.eval(), card, f"net{seed}.safetensors")

    return [moved(1), moved(2)]


def test_weights_are_averaged_by_shares(others):
    made = soup(others, shares=[3, 1]).network.state_dict()
    a, b = (other.network.state_dict() for other in others)
    assert set(made) == set(a)
    for name, tensor in made.items():
        if tensor.is_floating_point() and not name.endswith("running_var"):
            torch.testing.assert_close(tensor, 0.75 * a[name] + 0.25 * b[name])


def test_variances_are_those_of_the_mixture(others):
    """Two samples of unlike mean: the variance of both together is known."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 30_000), rng.normal(4, 2, 10_000)
    for other, sample in zip(others, (first, second), strict=True):
        for module in other.network.modules():
            if isinstance(module, BATCH_NORMS):
                module.running_mean.fill_(sample.mean())
                module.running_var.fill_(sample.var())
    made = soup(others, shares=[3, 1])
    both = np.concatenate([first, second])
    norms = [m for m in made.network.modules() if isinstance(m, BATCH_NORMS)]
    assert len(norms) > 3
    for norm in norms:
        np.testing.assert_allclose(norm.running_mean.numpy(), both.mean(), rtol=1e-5)
        np.testing.assert_allclose(norm.running_var.numpy(), both.var(), rtol=1e-5)


def test_a_soup_of_one_network_is_that_network(detector):
    made = soup([detector] * 3)
    for name, tensor in made.network.state_dict().items():
        torch.testing.assert_close(tensor, detector.network.state_dict()[name])
    assert alikeness([detector] * 2)[1] == pytest.approx(1)


def test_the_card_says_what_it_is_made_of_and_claims_no_score(others, tmp_path):
    made = soup(others, shares=[3, 1])
    save_detector(made, tmp_path / "soup.safetensors")
    card = load_detector(tmp_path / "soup.safetensors").card
    assert card.thresholds == pytest.approx({"large": 0.25, "small": 0.5})
    assert (card.tuned_on, card.score) == ((), {})
    assert card.trained_on == ("common", "run_1", "run_2")
    assert card.origin.name == "soup of net1, net2"
    assert [m["share"] for m in card.recipe["soup"]] == [0.75, 0.25]
    assert card.recipe["kind"] == "denoised"
    assert "not tuned" in card.notes
    assert "0.75 of net1" in card.notes


def test_networks_of_other_starts_are_not_alike(detector, others):
    torch.manual_seed(7)
    stranger = replace(detector, network=build_network(detector.card))
    cosines = alikeness([others[0], others[1], stranger])
    assert cosines[1] > 0.6
    assert abs(cosines[2]) < 0.4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": Choice(name="scout_unet", widths=[8, 8])}, "their networks are scout_unet"),
        ({"activation": "sigmoid"}, "activation is softmax and sigmoid"),
        ({"together": True}, "together is False and True"),
        ({"normalise": NormaliseSettings(method="percentile")}, "normalise is"),
        ({"voxel_spacing": 14.0}, "at 10 and 14 Å per voxel"),
        ({"objects": "reversed"}, "they find large, small and small, large"),
    ],
)
def test_what_is_not_alike_is_refused(changes, words, detector):
    if "objects" in changes:
        changes = {"objects": detector.card.objects[::-1]}
    other = replace(detector, card=detector.card.model_copy(update=changes))
    with pytest.raises(UserError, match=words):
        soup([detector, other])


def test_shares_that_are_none_are_refused(detector):
    for shares, words in (([1.0], "found 1 for 2"), ([1.0, 0.0], "above 0")):
        with pytest.raises(UserError, match=words):
            soup([detector, detector], shares=shares)
    with pytest.raises(UserError, match="give two or more"):
        soup([detector])


def test_measured_norms_are_those_of_the_patches(detector):
    rng = np.random.default_rng(0)
    patches = [rng.normal(1, 2, (16, 16, 16)).astype(np.float32) for _ in range(4)]
    made = measure_norms(detector, patches)
    first = detector.network.stem[0]
    with torch.inference_mode():
        maps = [first(torch.from_numpy(patch)[None, None]) for patch in patches]
    norm = made.network.stem[1]
    mean = torch.stack([m.mean((0, 2, 3, 4)) for m in maps]).mean(0)
    torch.testing.assert_close(norm.running_mean, mean, rtol=0.02, atol=0.02)
    spread = torch.stack([m.var((0, 2, 3, 4)) for m in maps]).mean(0)
    torch.testing.assert_close(norm.running_var, spread, rtol=0.05, atol=0.01)
    assert not norm.training
    assert "on 4 patches" in made.card.notes
    for module in detector.network.modules():
        if isinstance(module, BATCH_NORMS):
            assert float(module.running_mean.abs().max()) == 0


def test_a_network_without_batch_norms_and_no_patches_are_refused(detector, dark_spots):
    with pytest.raises(UserError, match="no patches"):
        measure_norms(detector, [])
    with pytest.raises(UserError, match="no batch norms"):
        measure_norms(dark_spots, [])


def test_patches_are_normalised_and_mirrored_where_the_tomogram_ends():
    data = np.random.default_rng(0).normal(5, 3, (20, 40, 40)).astype(np.float32)
    rng = np.random.default_rng(1)
    settings = NormaliseSettings(clip=None)
    found = list(random_patches(Volume(data, 10.0), settings, shape=(32, 16, 16), count=6, rng=rng))
    assert [patch.shape for patch in found] == [(32, 16, 16)] * 6
    values = np.stack(found)
    np.testing.assert_array_equal(values[:, 20:], values[:, 19:7:-1])
    assert abs(values.mean()) < 0.1
    assert abs(values.std() - 1) < 0.1
    assert len({float(patch[0, 0, 0]) for patch in found}) > 3
