import numpy as np
import pytest

from tomoscout.reporting.curves import precision_recall, score_by_threshold, score_histogram
from tomoscout.tuning.thresholds import Sweep

BLUE = (0, 114, 178)
# Four picks of three particles: right, right, wrong, right.
SWEEP = Sweep(
    name="ribosome",
    thresholds=np.array([0.9, 0.7, 0.5, 0.2]),
    tp=np.array([1, 2, 2, 3]),
    n_predicted=np.array([1, 2, 3, 4]),
    n_truth=3,
    beta=4.0,
    default=0.5,
)


def points(figure):
    return [line.get_xydata()[0] for line in figure.axes[0].lines if line.get_marker() == "o"]


def test_the_operating_point_lies_on_both_curves():
    (point,) = points(score_by_threshold(SWEEP, color=BLUE, threshold=0.6))
    expected = 17 * 1.0 * (2 / 3) / (16 * 1.0 + 2 / 3)
    assert tuple(point) == pytest.approx((0.6, expected))
    (point,) = points(precision_recall(SWEEP, color=BLUE, threshold=0.6))
    assert tuple(point) == pytest.approx((2 / 3, 1.0))


def test_curves_rise_and_fall_with_the_threshold():
    axes = score_by_threshold(SWEEP, color=BLUE, threshold=None).axes[0]
    bold = max(axes.lines, key=lambda line: line.get_linewidth())
    np.testing.assert_allclose(bold.get_xdata(), [0.2, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(bold.get_ydata(), SWEEP.f_beta[::-1])
    # At 0.6 the picks above 0.7 are kept, so the line there is at the height of the point at 0.7.
    assert bold.get_drawstyle() == "steps-pre"
    assert points(axes.figure) == []


def test_lines_of_equal_score_are_of_equal_score():
    axes = precision_recall(SWEEP, color=BLUE, threshold=None).axes[0]
    for level, line in zip((0.2, 0.4, 0.6, 0.8, 0.9), axes.lines, strict=False):
        recall, precision = line.get_data()
        score = 17 * precision * recall / (16 * precision + recall)
        np.testing.assert_allclose(score, level)
        assert precision.min() > 0
        assert recall.max() <= 1 + 1e-9


def test_a_hundred_thousand_points_are_thinned_with_their_ends_kept():
    n = 100_000
    many = Sweep("ribosome", np.linspace(1, 0, n), np.arange(n), np.arange(1, n + 1), n, 4.0, 0.5)
    axes = score_by_threshold(many, color=BLUE, threshold=None).axes[0]
    x = axes.lines[-1].get_xdata()
    assert (len(x), x[0], x[-1]) == (300, 0, 1)


def test_the_histogram_counts_every_score():
    hits, alarms = np.array([0.9, 0.8, 0.8]), np.array([0.1, 0.5])
    axes = score_histogram(hits, alarms, color=BLUE, threshold=0.5).axes[0]
    filled, outline = (patch.get_data() for patch in axes.patches)
    assert (filled.values.sum(), outline.values.sum()) == (3, 2)
    assert (outline.edges[0], outline.edges[-1]) == (0.1, 0.9)


def test_equal_scores_make_a_histogram_too():
    axes = score_histogram(np.ones(5), np.zeros(0), color=BLUE, threshold=None).axes[0]
    assert axes.patches[0].get_data().values.sum() == 5
