from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference

from tomoscout.core.volume import Volume
from tomoscout.inference.sliding_window import Tiling, WindowSettings, plan_tiles, stream_scores
from tomoscout.ops.normalise import measure
from tomoscout.ops.tiles import axis_tiles


def volume(shape, seed=0):
    return Volume(np.random.default_rng(seed).normal(size=shape).astype(np.float32), 10.0)


def collect(tomogram, network, tiling):
    slabs = list(
        stream_scores(
            tomogram, network, measure(tomogram), activation="softmax", tiling=tiling, bf16=False
        )
    )
    assert [s.start for s in slabs] == list(np.cumsum([0, *(s.scores.shape[1] for s in slabs)]))[
        :-1
    ]
    return np.concatenate([s.scores for s in slabs], axis=1)


def whole(tomogram, network):
    data = torch.from_numpy(measure(tomogram).apply(tomogram.read()))[None, None]
    with torch.inference_mode():
        return torch.softmax(network(data)[0], 1)[0, 1:].numpy()


def test_scores_equal_monais_sliding_window_at_equal_tiles(detector):
    tomogram = volume((40, 72, 60))
    axes = [axis_tiles(n, tile=32, step=24, stride=2, blend="constant") for n in tomogram.shape]
    ours = collect(tomogram, detector.network, Tiling((32, 32, 32), tuple(axes)))
    data = torch.from_numpy(measure(tomogram).apply(tomogram.read()))[None, None]
    with torch.inference_mode():
        theirs = sliding_window_inference(
            data, (32, 32, 32), 1,
            lambda x: torch.softmax(detector.network(x)[0], 1)[:, 1:],
            overlap=0.25, mode="constant",
        )[0].numpy()  # fmt: skip
    np.testing.assert_allclose(ours, theirs, atol=5e-4)  # float16 keeps eleven bits


def test_one_tile_equals_the_network_alone(detector):
    tomogram = volume((32, 48, 64))
    tiling = plan_tiles(tomogram.shape, network=detector.network)
    assert tiling.count == 1
    ours = collect(tomogram, detector.network, tiling)
    np.testing.assert_allclose(ours, whole(tomogram, detector.network), atol=1e-3)


@pytest.mark.parametrize("shape", [(5, 9, 7), (31, 33, 50), (64, 20, 90)])
def test_any_shape_gives_a_whole_map_of_finite_scores(detector, shape):
    tomogram = volume(shape)
    settings = WindowSettings(limit=(16, 32, 32), overlap=8)
    scores = collect(
        tomogram, detector.network, plan_tiles(shape, network=detector.network, settings=settings)
    )
    assert scores.shape == (2, *(-(-n // 2) for n in shape))
    assert np.isfinite(scores).all()
    assert 0 <= scores.min() <= scores.max() <= 1


def test_tiles_do_not_show_for_a_network_that_sees_only_its_cell(dark_spots):
    """Whatever the tiling, a network without neighbourhood must give the very same map."""
    tomogram = volume((40, 44, 52))
    exact = whole(tomogram, dark_spots.network)
    for limit, overlap in [((16, 16, 16), 8), ((24, 44, 20), 4), ((64, 64, 64), 0)]:
        settings = WindowSettings(limit=limit, overlap=overlap)
        tiling = plan_tiles(tomogram.shape, network=dark_spots.network, settings=settings)
        np.testing.assert_allclose(collect(tomogram, dark_spots.network, tiling), exact, atol=1e-3)


def test_a_network_that_names_its_tile_gets_it_where_the_limit_allows(dark_spots):
    tomogram = volume((20, 44, 90))
    exact = whole(tomogram, dark_spots.network)
    dark_spots.network.tile = (24, 40, 40)
    tiling = plan_tiles(tomogram.shape, network=dark_spots.network)
    assert tiling.tile == (24, 40, 40)
    assert [len(axis) for axis in tiling.axes] == [1, 2, 5]  # 24 of the 40 voxels overlap
    np.testing.assert_allclose(collect(tomogram, dark_spots.network, tiling), exact, atol=1e-3)
    settings = WindowSettings(limit=(192, 192, 32), overlap=8)
    tiling = plan_tiles(tomogram.shape, network=dark_spots.network, settings=settings)
    assert tiling.tile[:2] == (24, 40)
    assert tiling.tile[2] <= 32


def test_only_the_tile_at_hand_and_the_next_one_are_read(dark_spots):
    """A tomogram on disk is read once per tile, never as a whole."""
    read = []

    class Watched:
        shape, dtype = (64, 64, 64), np.dtype(np.float32)

        def __init__(self):
            self.data = np.random.default_rng(0).normal(size=self.shape).astype(np.float32)

        def __getitem__(self, region):
            part = self.data[region]
            read.append(part.size)
            return part

    tomogram = Volume(Watched(), 10.0)
    normaliser = measure(tomogram)
    read.clear()
    settings = WindowSettings(limit=(32, 32, 32), overlap=8)
    tiling = plan_tiles(tomogram.shape, network=dark_spots.network, settings=settings)
    stream = stream_scores(
        tomogram, dark_spots.network, normaliser, activation="softmax", tiling=tiling
    )
    next(stream)
    per_row = len(tiling.axes[1]) * len(tiling.axes[2])
    assert len(read) <= per_row + 1
    assert max(read) <= 32**3
    list(stream)
    assert len(read) == tiling.count


def test_progress_ends_at_one(dark_spots):
    told = []
    tomogram = volume((40, 40, 40))
    settings = WindowSettings(limit=(16, 16, 16), overlap=4)
    tiling = plan_tiles(tomogram.shape, network=dark_spots.network, settings=settings)
    list(
        stream_scores(
            tomogram, dark_spots.network, measure(tomogram), activation="softmax",
            tiling=tiling, progress=told.append,
        )
    )  # fmt: skip
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == tiling.count
