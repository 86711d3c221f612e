"""What a region of cells is worth: its middle, its volume, its score."""

import numpy as np
import pytest

from tomoscout.core.geometry import Geometry
from tomoscout.pickers._regions import RegionSettings, picks_of

GEOMETRY = Geometry((20, 20, 60), 10.0, 2)
CELLS = np.array([[2, 2, 2], [2, 2, 3], [2, 2, 4], [2, 2, 5], [7, 7, 20]])
HEIGHT = np.array([0.5, 0.6, 0.7, 1.0, 0.8])
REGION = np.array([0, 0, 0, 0, 1])


def pick(**options):
    options = {"max_volume": 1e9} | options
    return picks_of(
        CELLS, HEIGHT, REGION,
        geometry=GEOMETRY, radius=10.0, name="it", settings=RegionSettings(**options),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("score", "expected"), [("max", 1.0), ("mean", 0.7), ("percentile_90", 0.91)]
)
def test_scores_are_those_asked_for(score, expected):
    picks = pick(score=score)
    first = picks.zyx[:, 2] < 200
    np.testing.assert_allclose(picks.scores[first], [expected])
    np.testing.assert_allclose(picks.scores[~first], [0.8])  # of one cell, all are the same
    np.testing.assert_allclose(np.percentile(HEIGHT[:4], 90), 0.91)
    assert np.all(np.diff(picks.scores) <= 0)


def test_middles_are_weighted_and_in_angstrom():
    column = (2 * 0.5 + 3 * 0.6 + 4 * 0.7 + 5 * 1.0) / 2.8
    np.testing.assert_allclose(pick().zyx[0], [45, 45, column * 20 + 5])


def test_volumes_are_fractions_of_the_sphere():
    sphere = 4 / 3 * np.pi * 10.0**3
    four = 4 * 20.0**3 / sphere
    assert len(pick(min_volume=four * 0.999)) == 1
    assert len(pick(min_volume=four * 1.001)) == 0
    assert len(pick(max_volume=four * 0.999)) == 1
    assert len(pick(max_volume=four * 1.001)) == 2


def test_a_mean_of_equal_scores_is_not_below_them():
    cells = np.stack([np.zeros(7, int), np.zeros(7, int), np.arange(7)], axis=1)
    for height in np.linspace(0.1, 1, 91):
        picks = picks_of(
            cells, np.full(7, height), np.zeros(7, int),
            geometry=GEOMETRY, radius=50.0, name="it", settings=RegionSettings(score="mean"),
        )  # fmt: skip
        assert picks.scores[0] >= height


def test_volumes_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match=r"max_volume must not be below min_volume.*0\.1 and 0\.3"):
        RegionSettings(min_volume=0.3, max_volume=0.1)
