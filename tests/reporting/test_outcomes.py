import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.metrics import czii
from tomoscout.reporting.outcomes import judge


def test_fates_are_those_planted(scene):
    outcome = judge(scene.picks, scene.truth, objects=scene.objects)
    np.testing.assert_allclose(outcome.hits.score_array, [0.9, 0.8, 0.7])  # best first
    np.testing.assert_allclose(outcome.false_alarms.score_array, [0.6, 0.5])
    np.testing.assert_allclose(outcome.missed.zyx, [[200, 900, 300], [300, 800, 900]])


def test_of_two_picks_on_one_particle_the_surer_is_the_hit():
    truth = Picks(np.array([[100.0, 100, 100]]), "ribosome")
    near = np.array([[100.0, 100, 101], [100, 100, 160]])
    outcome = judge(Picks(near, "ribosome", np.array([0.4, 0.6])), truth, objects=CZII)
    np.testing.assert_allclose(outcome.hits.zyx, near[1:])
    np.testing.assert_allclose(outcome.false_alarms.zyx, near[:1])


def test_reach_is_half_the_radius_and_includes_its_bound():
    truth = Picks(np.array([[0.0, 0, 0]]), "ribosome")
    for offset, hits in ((75.0, 1), (75.001, 0)):
        picks = Picks(np.array([[offset, 0, 0]]), "ribosome")
        assert len(judge(picks, truth, objects=CZII).hits) == hits


def test_a_pick_of_another_object_is_no_hit():
    truth = Picks(np.array([[0.0, 0, 0]]), "ribosome")
    outcome = judge(Picks(np.array([[0.0, 0, 0]]), "thyroglobulin"), truth, objects=CZII)
    assert (len(outcome.hits), len(outcome.false_alarms), len(outcome.missed)) == (0, 1, 1)


def test_without_truth_nothing_is_judged(scene):
    outcome = judge(scene.picks, None, objects=scene.objects)
    assert not outcome.judged
    assert len(outcome.hits) == len(scene.picks) == len(outcome.all)


def test_an_unknown_object_is_refused(scene):
    stray = Picks(np.zeros((1, 3)), "ribosom")
    with pytest.raises(UserError, match="Did you mean 'ribosome'"):
        judge(stray, scene.truth, objects=scene.objects)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 40), m=st.integers(0, 20))
def test_what_is_drawn_adds_up_to_what_is_counted(seed, n, m):
    rng = np.random.default_rng(seed)
    # Particles 160 Å apart on a lattice: no pick can reach two of them.
    lattice = np.stack(np.meshgrid(*[np.arange(3) * 160.0] * 3, indexing="ij"), -1).reshape(-1, 3)
    truth = Picks(lattice[rng.permutation(27)[:m]], "ribosome", run="r")
    picks = Picks(rng.random((n, 3)) * 400, "ribosome", rng.random(n), run="r")
    outcome = judge(picks, truth, objects=CZII)
    counts = czii.score(picks, truth, objects=CZII).counts["ribosome"]
    shown = (len(outcome.hits), len(outcome.false_alarms), len(outcome.missed))
    assert shown == (counts.tp, counts.fp, counts.fn)
