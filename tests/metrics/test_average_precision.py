import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tomoscout.core.picks import Picks
from tomoscout.metrics.average_precision import score

FERRITIN = "apo-ferritin"  # reach 30 Å


def on_x(*x, scores=None, run="a", name=FERRITIN):
    zyx = np.array([[100.0, 200.0, v] for v in x]).reshape(-1, 3)
    return Picks(zyx, name, None if scores is None else np.array(scores), run=run)


def ap(picks, truth):
    return score(picks, truth).average_precision[FERRITIN]


@pytest.mark.parametrize(
    ("found", "scores", "known", "expected"),
    [
        ([0, 500], [0.9, 0.8], [0, 500], 1.0),
        ([0], [0.9], [0, 500], 0.5),  # a truth never found adds nothing
        ([900, 0], [0.9, 0.8], [0], 0.5),  # the alarm comes first
        ([0, 900], [0.9, 0.8], [0], 1.0),  # an alarm after all truths costs nothing
        ([0, 900, 500], [0.9, 0.8, 0.7], [0, 500], (1 + 2 / 3) / 2),
        ([0, 5, 500], [0.9, 0.8, 0.7], [0, 500], (1 + 2 / 3) / 2),  # a duplicate is an alarm
        ([0, 900], [0.5, 0.5], [0], 0.5),  # equal scores come together
        ([30], [0.5], [0], 1.0),
        ([30.001], [0.5], [0], 0.0),
        ([], [], [0], 0.0),
        ([0], [0.5], [], None),
    ],
)
def test_by_hand(found, scores, known, expected):
    assert ap(on_x(*found, scores=scores), on_x(*known)) == (
        None if expected is None else pytest.approx(expected)
    )


def test_the_surest_pick_chooses_first_and_takes_the_nearest_free_truth():
    # 30 is 10 from 20 and 30 from 0: it takes 20, and leaves 25 with nothing but a second pick.
    picks, truth = on_x(30, 25, scores=[0.9, 0.8]), on_x(0, 20)
    np.testing.assert_array_equal(score(picks, truth).of[FERRITIN].is_hit, [True, True])
    picks = on_x(30, 45, scores=[0.9, 0.8])  # now the second one reaches 20 only
    np.testing.assert_array_equal(score(picks, truth).of[FERRITIN].is_hit, [True, False])


def test_runs_are_pooled_before_the_curve_is_drawn():
    picks = [on_x(0, scores=[0.3], run="a"), on_x(900, scores=[0.9], run="b")]
    truth = [on_x(0, run="a"), on_x(0, run="b")]
    # By falling score: an alarm, then a hit. The mean over the runs' own AP would be a half too,
    # of 1 and 0; pooled it is a quarter.
    assert ap(picks, truth) == pytest.approx(0.25)


def test_the_weighted_mean_leaves_absent_objects_out():
    picks = [on_x(0, scores=[0.5]), on_x(900, scores=[0.5], name="beta-galactosidase")]
    truth = [on_x(0), on_x(0, name="beta-galactosidase")]
    assert score(picks, truth).weighted == pytest.approx((1 * 1 + 2 * 0) / 3)
    assert score(picks, Picks.empty("a")).weighted is None


LABELS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40)


@given(rows=LABELS)
def test_it_is_that_of_sklearn_where_every_pick_stands_alone_and_every_truth_is_found(rows):
    right = np.array([is_right for is_right, _ in rows])
    if not right.any():
        return
    scores = np.array([level / 5 for _, level in rows])
    x = 1000.0 * np.arange(len(rows))
    found = ap(on_x(*x, scores=scores), on_x(*(x[right] + 10)))
    assert found == pytest.approx(average_precision_score(right, scores))


@given(seed=st.integers(0, 2**32 - 1), crowd=st.sampled_from([80, 200, 500]))
def test_it_lies_between_0_and_1_and_better_scores_raise_it(seed, crowd):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 30, 2)
    picks = Picks(rng.random((n, 3)) * crowd, FERRITIN, rng.random(n), run="a")
    truth = Picks(rng.random((m, 3)) * crowd, FERRITIN, run="a")
    value = ap(picks, truth)
    assert 0 <= value <= 1
    ranked = score(picks, truth).of[FERRITIN]
    assert ranked.is_hit.sum() <= min(n, m)
    precision, recall = ranked.curve()
    assert np.all(np.diff(recall) >= 0)
    assert value <= recall[-1] + 1e-12
    assert np.all(precision <= 1)


def test_calibrated_scores_lie_on_the_diagonal_and_others_do_not():
    rng = np.random.default_rng(0)
    n = 20_000
    chance = rng.random(n)
    x = 1000.0 * np.arange(n)
    right = rng.random(n) < chance
    truth = on_x(*x[right])
    honest = score(on_x(*x, scores=chance), truth).of[FERRITIN].reliability()
    np.testing.assert_allclose(honest.right / honest.total, honest.mean_score, atol=0.04)
    assert honest.total.sum() == n
    assert honest.error < 0.02
    boasting = score(on_x(*x, scores=np.sqrt(chance)), truth).of[FERRITIN].reliability()
    assert boasting.error == pytest.approx(2 / 3 - 1 / 2, abs=0.01)  # mean of sqrt(u) less u


def test_a_score_of_exactly_one_lies_in_the_last_bin():
    found = score(on_x(0, 900, scores=[1.0, 0.0]), on_x(0)).of[FERRITIN].reliability()
    np.testing.assert_array_equal(found.total, [1, *[0] * 8, 1])
    np.testing.assert_array_equal(found.right, [0] * 9 + [1])
    assert found.error == 0


def test_scores_that_are_no_probabilities_are_not_calibrated():
    assert score(on_x(0, scores=[3.7]), on_x(0)).of[FERRITIN].reliability() is None
    assert score(on_x(0, scores=[3.7]), on_x(0)).facts()["calibration"] is None
