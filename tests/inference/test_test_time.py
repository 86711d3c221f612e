from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.inference.sliding_window import WindowSettings, plan_tiles, stream_scores
from tomoscout.ops.activations import probabilities
from tomoscout.ops.normalise import measure
from tomoscout.ops.views import VIEWS

SHAPE = (16, 24, 32)


def noise(shape=SHAPE, seed=0):
    return Volume(np.random.default_rng(seed).normal(size=shape).astype(np.float32), 10.0)


def collect(volume, network, tta, average="probabilities", backend="torch", **limits):
    settings = WindowSettings(tta=tta, average=average, **limits)
    slabs = stream_scores(
        volume, network, measure(volume), activation="softmax",
        tiling=plan_tiles(volume.shape, network=network, settings=settings),
        tta=tta, average=average, backend=backend, bf16=False,
    )  # fmt: skip
    return np.concatenate([slab.scores for slab in slabs], axis=1)


@pytest.mark.parametrize("average", ["probabilities", "logits"])
@pytest.mark.parametrize("tta", VIEWS)
def test_scores_are_the_mean_over_the_views_laid_back(detector, tta, average):
    volume = noise()
    data = measure(volume).apply(volume.read())
    answers = []
    with torch.inference_mode():
        for view in VIEWS[tta]:
            moved = torch.from_numpy(view.apply(data).copy())[None, None]
            logits = detector.network(moved)[0]
            answer = probabilities(logits, "softmax") if average == "probabilities" else logits
            answers.append(view.undo(answer))
        mean = torch.stack(answers).mean(0)
        expected = mean if average == "probabilities" else probabilities(mean, "softmax")
    np.testing.assert_allclose(
        collect(volume, detector.network, tta, average), expected[0], atol=1e-3
    )


def test_backends_that_take_one_shape_get_one_for_each_shape_of_a_view(detector):
    volume = noise((8, 16, 24))
    expected = collect(volume, detector.network, "isotropic13")
    found = collect(volume, detector.network, "isotropic13", backend="torchscript")
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("tta", ["wedge_safe", "d4z", "isotropic"])
def test_a_tomogram_that_was_moved_gives_the_map_that_was_moved(detector, tta):
    volume = noise()
    still = collect(volume, detector.network, tta)
    for view in VIEWS[tta][3 :: len(VIEWS[tta]) // 2]:
        moved = Volume(np.ascontiguousarray(view.apply(volume.data)), 10.0)
        scores = collect(moved, detector.network, tta)
        np.testing.assert_allclose(scores, view.apply(still), atol=1e-3)


def test_tiles_do_not_show_in_any_view(dark_spots):
    volume = noise((20, 44, 30))
    whole = collect(volume, dark_spots.network, "none")
    for tta in ("wedge_safe", "isotropic"):
        tiled = collect(volume, dark_spots.network, tta, limit=(16, 24, 16), overlap=8)
        np.testing.assert_allclose(tiled, whole, atol=1e-3)


def test_no_more_than_one_answer_is_kept_however_many_views_there_are():
    class Watched(torch.nn.Module):
        strides, divisor = (2,), (4, 4, 4)

        def __init__(self):
            super().__init__()
            self.given, self.alive = [], []

        def forward(self, x):
            self.alive.append(sum(answer() is not None for answer in self.given))
            answer = torch.nn.functional.avg_pool3d(x, 2).repeat(1, 3, 1, 1, 1)
            self.given.append(weakref.ref(answer))
            return (answer,)

    for average in ("probabilities", "logits"):
        network = Watched()
        collect(noise(), network, "isotropic", average)
        assert len(network.alive) == 48
        assert max(network.alive) <= 1


class Flat(torch.nn.Module):
    """A network that takes flat patches only."""

    strides, divisor = (2,), (4, 16, 16)

    def forward(self, x):
        assert all(n % d == 0 for n, d in zip(x.shape[2:], self.divisor, strict=True))
        pooled = torch.nn.functional.avg_pool3d(x, 2)
        return (torch.cat([pooled * 0, -pooled], dim=1),)


def test_views_that_lay_a_flat_networks_tiles_on_their_side_get_tiles_that_fit():
    volume = noise((20, 40, 24))
    tiling = plan_tiles(volume.shape, network=Flat(), settings=WindowSettings())
    assert tiling.tile == (20, 48, 32)
    tiling = plan_tiles(volume.shape, network=Flat(), settings=WindowSettings(tta="isotropic"))
    assert tiling.tile == (32, 48, 32)
    whole = collect(volume, Flat(), "none")
    np.testing.assert_allclose(collect(volume, Flat(), "isotropic"), whole, atol=1e-3)


def test_tiles_that_do_not_fit_on_their_side_are_refused_with_those_that_do():
    volume = noise((20, 40, 24))
    slabs = stream_scores(
        volume, Flat(), measure(volume), activation="softmax",
        tiling=plan_tiles(volume.shape, network=Flat()), tta="isotropic",
    )  # fmt: skip
    with pytest.raises(UserError, match=r"multiples of \(16, 16, 16\)"):
        next(slabs)


def test_a_misspelt_group_is_refused_when_settings_are_made():
    with pytest.raises(ValueError, match="Did you mean 'd4z'"):
        WindowSettings(tta="d4")
