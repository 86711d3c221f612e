import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.picks import Picks
from tomoscout.inference.second_look import SecondLook, second_look

OBJECTS = ["large", "small"]


def look(picks, probability, **changed):
    probability = np.asarray(probability, np.float32).reshape(len(picks), 3)
    return second_look(picks, probability, objects=OBJECTS, settings=SecondLook(**changed))


def picks(names, scores=None):
    n = len(names)
    rotations = np.tile(np.eye(3), (n, 1, 1))
    zyx = np.arange(3.0 * n).reshape(n, 3)
    scores = None if scores is None else np.array(scores)
    return Picks(zyx, np.array(names), scores, rotations, "run", (1.0, 2.0, 3.0))


THREE = picks(["large", "small", "candidate"], [0.5, 0.8, 0.4])
SEEN = [[0.2, 0.7, 0.1], [0.4, 0.5, 0.1], [0.1, 0.3, 0.6]]


def test_a_known_pick_gets_the_probability_of_its_object_times_its_score():
    found = look(THREE, SEEN)
    assert found.score_array.tolist() == pytest.approx([0.35, 0.08, 0.24])
    assert list(found.objects) == ["large", "small", "small"]  # the candidate got a name


def test_scores_can_be_replaced_and_picks_renamed():
    assert look(THREE, SEEN, scores="replace").score_array.tolist() == pytest.approx(
        [0.7, 0.1, 0.6]
    )
    renamed = look(THREE, SEEN, scores="replace", rename=True)
    assert list(renamed.objects) == ["large", "large", "small"]
    assert renamed.score_array.tolist() == pytest.approx([0.7, 0.5, 0.6])


def test_background_is_dropped_and_what_stays_keeps_place_and_pose():
    found = look(THREE, SEEN, drop=0.3)
    np.testing.assert_array_equal(found.zyx, THREE.zyx[[0, 2]])
    assert found.rotations.shape == (2, 3, 3)
    assert (found.run, found.extent) == ("run", (1.0, 2.0, 3.0))


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(0, 12), seed=st.integers(0, 2**32 - 1), drop=st.floats(0, 1), rename=st.booleans()
)
def test_no_score_rises_and_a_laxer_drop_only_adds_picks(n, seed, drop, rename):
    rng = np.random.default_rng(seed)
    given_ = picks(rng.choice([*OBJECTS, "blob"], n).tolist(), rng.random(n))
    probability = rng.dirichlet(np.ones(3), n)
    strict = look(given_, probability, drop=drop, rename=rename)
    all_ = look(given_, probability, drop=1.0, rename=rename)
    assert len(all_) == n
    assert (all_.score_array <= given_.score_array + 1e-12).all()
    assert set(map(tuple, strict.zyx)) <= set(map(tuple, all_.zyx))
    assert len(strict) == int((probability.astype(np.float32)[:, 0] <= drop).sum())
    assert set(all_.names) <= set(OBJECTS)
