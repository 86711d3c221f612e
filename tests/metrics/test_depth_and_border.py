import numpy as np
import pytest

from tomoscout.core.picks import Picks
from tomoscout.metrics._places import BORDERS, DEPTHS
from tomoscout.metrics.depth_and_border import score

EXTENT = (1000.0, 4000.0, 4000.0)
MIDDLE = 2000.0


def picks(*zyx, extent=EXTENT, run="a", name="ribosome"):
    return Picks(np.array(zyx, float).reshape(-1, 3), name, run=run, extent=extent)


def test_misses_and_alarms_lie_where_they_were_put():
    truth = picks([20, MIDDLE, MIDDLE], [450, MIDDLE, MIDDLE], [450, 70, 300], [999, 500, 500])
    found = picks([450, MIDDLE, MIDDLE + 10], [980, MIDDLE, 100])
    result = score(found, truth)
    missed = result.particles["ribosome"].by_depth()
    np.testing.assert_array_equal(missed.total, [1, 0, 0, 0, 2, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(missed.wrong, [1, 0, 0, 0, 1, 0, 0, 0, 0, 1])
    by_border = result.particles["ribosome"].by_border()  # at 20, 450, 70 and 1 Å
    np.testing.assert_array_equal(by_border.total, [2, 1, 0, 0, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(by_border.wrong, [2, 1, 0, 0, 0, 0, 0, 0, 0])
    alarms = result.picks["ribosome"].by_border()  # the alarm is 20 Å below the top
    np.testing.assert_array_equal(alarms.total, [1, 0, 0, 0, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(alarms.wrong, [1, 0, 0, 0, 0, 0, 0, 0, 0])
    assert len(by_border.total) == len(BORDERS) - 1
    assert len(missed.total) == len(DEPTHS) - 1


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", ["low", "high"])
def test_every_face_is_a_border(axis, side):
    place = np.array([500.0, MIDDLE, MIDDLE])
    place[axis] = 30 if side == "low" else EXTENT[axis] - 30
    found = score(picks(), picks(place)).particles["ribosome"]
    np.testing.assert_allclose(found.border, [30])


def test_what_lies_outside_counts_at_the_border():
    places = score(picks(), picks([-5, MIDDLE, MIDDLE])).particles["ribosome"]
    np.testing.assert_allclose((places.depth[0], places.border[0]), 0)
    assert places.by_depth().total[0] == 1


def test_runs_of_unknown_size_are_left_out_and_named():
    known = [picks([500, 100, 100], run="a"), picks([500, 100, 100], run="b", extent=None)]
    result = score([], known)
    assert result.unplaced == ("b",)
    assert len(result.all_particles.depth) == 1
    told = score([], known, extents={"b": EXTENT})
    assert told.unplaced == ()
    assert len(told.all_particles.depth) == 2


def test_the_size_may_come_from_the_picks():
    result = score(picks([500, 100, 100]), picks([500, 100, 100], extent=None))
    assert result.unplaced == ()
    assert not result.all_picks.is_wrong.any()
