"""A prediction that was stopped goes on, and nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from samples.networks import dark
from tomoscout.core.volume import Volume
from tomoscout.inference.ensemble import join
from tomoscout.inference.sliding_window import WindowSettings, plan_tiles, stream_scores
from tomoscout.inference.stream import stream_model
from tomoscout.ops.normalise import measure

VOLUME = Volume(np.random.default_rng(3).normal(size=(45, 20, 30)).astype(np.float32), 10.0)
WINDOW = WindowSettings(limit=(16, 24, 16), overlap=8)


def test_every_plane_is_a_place_to_go_on_from_bit_for_bit(detector):
    network = detector.network
    tiling = plan_tiles(VOLUME.shape, network=network, settings=WINDOW)

    def stream(first=0):
        return stream_scores(
            VOLUME, network, measure(VOLUME), activation="softmax", tiling=tiling, tta="z_flip",
            first=first,
        )  # fmt: skip

    slabs = list(stream())
    whole = np.concatenate([slab.scores for slab in slabs], axis=1)
    assert len(slabs) == 5
    for first in sorted({*(slab.start for slab in slabs), 1, 13}):
        again = list(stream(first))
        assert again[0].start == first
        np.testing.assert_array_equal(
            np.concatenate([slab.scores for slab in again], axis=1), whole[:, first:]
        )
    assert list(stream(whole.shape[1])) == []


def test_what_was_finished_is_not_computed_again():
    model = dark()
    stream = list(stream_model(VOLUME, model, window=WINDOW))
    everything, model.network.inner.calls = model.network.inner.calls, 0
    list(stream_model(VOLUME, model, window=WINDOW, first=stream[-1].start))
    rows = plan_tiles(VOLUME.shape, network=model.network, settings=WINDOW).axes[0]
    assert [row.start for row in rows] == [0, 8, 16, 24, 30]
    # The last row, and the two that reach into it.
    assert model.network.inner.calls == everything * 3 / 5


@pytest.mark.parametrize("blend", ["probabilities", "logits", "ranks"])
@pytest.mark.parametrize("softmax", [True, False])
def test_so_does_that_of_an_ensemble_whatever_the_strides(blend, softmax):
    torch.manual_seed(0)
    members = [dark(stride=2), dark(stride=6, gain=2, softmax=softmax), dark(stride=3)]
    model = join(members, blend=blend)
    slabs = list(stream_model(VOLUME, model, window=WINDOW))
    whole = np.concatenate([slab.scores for slab in slabs], axis=1)
    assert whole.shape == (2, 23, 10, 15)
    for first in (5, slabs[-1].start):
        again = [s.scores for s in stream_model(VOLUME, model, window=WINDOW, first=first)]
        np.testing.assert_array_equal(np.concatenate(again, axis=1), whole[:, first:])
