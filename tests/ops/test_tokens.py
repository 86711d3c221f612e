from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score, recall_score

from tomoscout.core.geometry import Geometry
from tomoscout.ops.tokens import count_tokens, coverage, dominant, paint


def labels_of(predicted: list[int], truth: list[int], classes: int = 3):
    return count_tokens(np.array(predicted, int), np.array(truth, int), classes=classes)


def test_a_cube_of_seven_voxels_lies_around_the_rounded_centre():
    volume = paint(
        np.array([[83.0, 96.0, 104.0]]), np.array([2]),
        geometry=Geometry((20, 20, 20), 10.0), reach=[35.0], cubes=True,
    )  # fmt: skip
    marked = np.argwhere(volume == 2)
    assert len(marked) == 343
    assert marked.min(0).tolist() == [5, 7, 7]
    assert marked.max(0).tolist() == [11, 13, 13]


def test_a_ball_has_its_volume_and_lies_around_the_centre_itself():
    volume = paint(
        np.array([[150.0, 153.0, 157.0]]), np.array([1]),
        geometry=Geometry((32, 32, 32), 10.0), reach=[90.0], cubes=False,
    )  # fmt: skip
    assert volume.sum() == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.02)
    assert np.argwhere(volume).mean(0) == pytest.approx([15.0, 15.3, 15.7], abs=0.1)


def test_bodies_reach_in_from_outside_and_the_higher_label_stays():
    def draw(order: list[int]) -> np.ndarray:
        zyx, labels = np.array([[-20.0, 40, 40], [0.0, 40, 40]])[order], np.array([2, 1])[order]
        space = Geometry((9, 9, 9), 10.0)
        return paint(zyx, labels, geometry=space, reach=[35.0, 35.0], cubes=True)

    volume = draw([0, 1])
    assert volume[:, 4, 4].tolist() == [2, 2, 1, 1, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(volume, draw([1, 0]))


def test_coverage_is_the_share_of_the_tokens_voxels():
    labels = np.zeros((6, 6, 12), np.uint8)
    labels[:3, :, :6] = 1  # half of the first token
    labels[3, :, :6] = 2  # a sixth of it
    labels[:, :, 11] = 2  # a sixth of the second
    found = coverage(labels, stride=6, objects=3)
    assert found.shape == (3, 1, 1, 2)
    np.testing.assert_allclose(found[:, 0, 0], [[1 / 2, 0], [1 / 6, 1 / 6], [0, 0]], rtol=1e-6)


def test_of_a_token_over_the_edge_the_voxels_inside_count():
    labels = np.zeros((4, 5, 7), np.uint8)
    labels[:, 3:, 6:] = 1
    found = coverage(labels, stride=3, objects=1)[0]
    assert found.shape == (2, 2, 3)
    assert found[1, 1, 2] == 1.0
    assert found.sum() == 2.0


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), stride=st.integers(1, 4))
def test_coverage_times_voxels_counts_every_labelled_voxel(seed, stride):
    labels = np.random.default_rng(seed).integers(0, 4, (4, 8, 12)).astype(np.uint8)
    whole = labels[: 4 // stride * stride, : 8 // stride * stride, : 12 // stride * stride]
    found = coverage(whole, stride=stride, objects=3).sum((1, 2, 3)) * stride**3
    np.testing.assert_allclose(found, [(whole == k).sum() for k in (1, 2, 3)], rtol=1e-5)


def test_the_label_with_the_largest_cover_wins_if_it_is_enough():
    covered = np.array([[0.30, 0.29, 0.4, 0.5], [0.20, 0.10, 0.6, 0.5]], np.float32)
    found = dominant(covered.reshape(2, 1, 1, 4), threshold=0.3)
    assert found.ravel().tolist() == [1, 0, 2, 1]


def test_f_beta_of_a_case_done_by_hand():
    """Weights 0, 1, 2: TP = 1 + 2*1, FP = 1 + 2*0, FN = 0 + 2*1; P = 3/4, R = 3/5."""
    counts = labels_of([0, 1, 1, 2, 0], [0, 1, 2, 2, 0])
    assert counts.tp.tolist() == [2, 1, 1]
    assert counts.fp.tolist() == [0, 1, 0]
    assert counts.fn.tolist() == [0, 0, 1]
    precision, recall = 3 / 4, 3 / 5
    expected = 17 * precision * recall / (16 * precision + recall)
    assert counts.f_beta([0, 1, 2]) == pytest.approx(expected)
    assert counts.f_beta([0, 1, 2], beta=1.0) == pytest.approx(2 / (1 / precision + 1 / recall))


def test_recall_of_a_class_that_is_absent_is_none():
    assert labels_of([1, 1, 0, 2], [1, 0, 0, 1]).recall == [0.5, 0.5, None]


def test_nothing_right_scores_zero_and_no_token_at_all_too():
    assert labels_of([1, 2], [2, 1]).f_beta([0, 1, 1]) == 0.0
    assert labels_of([], []).f_beta([0, 1, 1]) == 0.0


def test_alike_weights_give_scikit_learns_micro_average_and_recalls():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, (2, 500))
    counts = count_tokens(predicted, truth, classes=4)
    expected = fbeta_score(truth, predicted, beta=4, labels=[1, 2, 3], average="micro")
    assert counts.f_beta([0, 1, 1, 1]) == pytest.approx(expected)
    assert counts.recall == pytest.approx(recall_score(truth, predicted, average=None).tolist())


def test_counts_of_two_batches_add_up():
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, 3, (2, 90))
    halves = [count_tokens(predicted[s], truth[s], classes=3) for s in (np.s_[:40], np.s_[40:])]
    whole, added = count_tokens(predicted, truth, classes=3), halves[0] + halves[1]
    assert added.f_beta([0, 1, 2]) == whole.f_beta([0, 1, 2])
    assert added.recall == whole.recall
