from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samples.networks import dark
from tomoscout.core.volume import Volume
from tomoscout.inference import scratch
from tomoscout.inference.ensemble import join
from tomoscout.inference.rank_match import PATTERNS, count, match
from tomoscout.inference.stream import stream_model

SCORES = arrays.arrays(np.float16, 60, elements=st.floats(0, 1, width=16), fill=st.nothing())


def matched(scores, to):
    scores, to = (np.asarray(values, np.float16) for values in (scores, to))
    return match(count(scores), to=count(to))[scores.view(np.uint16)]


def test_the_highest_becomes_the_highest_and_so_on_down():
    found = matched([0.9, 0.8, 0.1, 0.2], to=[0.25, 0.5, 0.125, 0.375])
    np.testing.assert_array_equal(found, [0.5, 0.375, 0.125, 0.25])


def test_scores_that_tie_share_the_mean_of_their_ranks():
    found = matched([0.7, 0.0, 0.7, 0.0], to=[0.5, 0.25, 0.125, 0.0])
    np.testing.assert_array_equal(found, [0.375, 0.0625, 0.375, 0.0625])


@given(SCORES, SCORES)
def test_order_and_sum_are_kept(scores, to):
    found = matched(scores, to)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(found[order]) >= -1e-6).all()
    np.testing.assert_allclose(found.sum(), to.astype(np.float64).sum(), atol=1e-3)
    assert len(np.unique(found[order])) <= len(np.unique(scores))


@given(SCORES)
def test_a_map_matched_to_itself_stays(scores):
    np.testing.assert_allclose(matched(scores, scores), scores.astype(np.float32), atol=1e-6)


def test_bit_patterns_of_scores_are_in_order():
    values = np.arange(PATTERNS, dtype=np.uint16).view(np.float16)
    assert (np.diff(values.astype(np.float64)) > 0).all()
    assert (values[0], values[-1]) == (0, 1)


def volume():
    return Volume(np.random.default_rng(3).normal(size=(40, 20, 45)).astype(np.float32), 10.0)


def scores_of(model):
    return np.concatenate([slab.scores for slab in stream_model(volume(), model)], axis=1)


def test_a_louder_network_with_the_same_opinion_changes_nothing():
    quiet, loud = dark(gain=1, softmax=False), dark(gain=1, softmax=False, below=-3)
    alone = scores_of(quiet).astype(np.float32)
    blended = scores_of(join([quiet, loud], blend="ranks"))
    np.testing.assert_allclose(blended[1], alone[1], atol=2e-3)
    plain = scores_of(join([quiet, loud]))
    assert np.abs(plain[1].astype(np.float32) - alone[1]).max() > 0.2


def test_maps_too_large_for_memory_give_the_same(monkeypatch):
    model = join([dark(stride=4), dark(gain=2)], blend="ranks", shares=[1, 2])
    memory = scores_of(model)
    monkeypatch.setattr(scratch, "_IN_MEMORY", 0)
    np.testing.assert_array_equal(scores_of(model), memory)
