import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.picks import Picks
from tomoscout.metrics import Counts, czii
from tomoscout.metrics.one_to_one import score


def on_x(*x):
    return Picks(np.array([[100.0, 200.0, v] for v in x]).reshape(-1, 3), "apo-ferritin", run="a")


@pytest.mark.parametrize(
    ("found", "known", "expected"),
    [
        ([500, 505, 510], [500], Counts(1, 2, 0)),
        ([515], [500, 529.5], Counts(1, 0, 1)),  # the CZII metric counts (2, -1, 0)
        ([530], [500], Counts(1, 0, 0)),
        ([530 + 1e-6], [500], Counts(0, 1, 1)),
        ([500, 531], [530, 560], Counts(2, 0, 0)),  # nearest first would pair 531-530 only
        ([], [500], Counts(0, 0, 1)),
        ([500], [], Counts(0, 1, 0)),
    ],
)
def test_each_point_has_one_partner_at_most(found, known, expected):
    assert score(on_x(*found), on_x(*known)).counts["apo-ferritin"] == expected


def test_the_error_is_that_of_the_pairs():
    counts = score(on_x(503, 501, 1010), on_x(500, 1000)).counts["apo-ferritin"]
    np.testing.assert_allclose(sorted(counts.distances), [1, 10])
    assert counts.error == pytest.approx(5.5)


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), crowd=st.sampled_from([60, 150, 500]))
def test_counts_are_honest_and_never_above_those_of_the_challenge(seed, crowd):
    rng = np.random.default_rng(seed)
    picks, truth = (Picks(rng.random((rng.integers(1, 20), 3)) * crowd, "ribosome") for _ in "ab")
    strict = score(picks, truth).counts["ribosome"]
    loose = czii.score(picks, truth).counts["ribosome"]
    assert strict.fp >= 0
    assert strict.tp + strict.fp == len(picks)
    assert strict.tp + strict.fn == len(truth)
    assert strict.tp <= loose.tp


def test_it_is_the_challenge_when_particles_stand_apart():
    rng = np.random.default_rng(1)
    truth = Picks(1000.0 * np.argwhere(np.ones((3, 3, 3))), "thyroglobulin")
    picks = Picks(truth.zyx + rng.normal(0, 35, truth.zyx.shape), "thyroglobulin")
    assert score(picks, truth).counts == czii.score(picks, truth).counts
    assert 0 < score(picks, truth).recall["thyroglobulin"] < 1
