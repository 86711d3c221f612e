import numpy as np
import pytest

from tomoscout.simulation.tilt_series import tilt_series


def test_dose_symmetric_swings_out_from_the_middle():
    series = tilt_series(max_tilt=6, tilt_step=3, scheme="dose_symmetric", total_dose=100)
    assert series.degrees.tolist() == [-6, -3, 0, 3, 6]
    order = series.degrees[np.argsort(series.before)]
    assert order.tolist() == [0, 3, -3, 6, -6]
    assert series.dose == 20
    assert series.before.max() == 80


def test_bidirectional_goes_from_the_middle_to_one_end_then_to_the_other():
    series = tilt_series(max_tilt=6, tilt_step=3, scheme="bidirectional", total_dose=100)
    assert series.degrees[np.argsort(series.before)].tolist() == [0, 3, 6, -3, -6]


def test_continuous_goes_from_end_to_end():
    series = tilt_series(max_tilt=6, tilt_step=3, scheme="continuous", total_dose=100)
    assert series.degrees[np.argsort(series.before)].tolist() == [-6, -3, 0, 3, 6]


@pytest.mark.parametrize(("max_tilt", "step", "count"), [(45, 3, 31), (60, 2, 61), (50, 3, 33)])
def test_no_tilt_exceeds_the_largest(max_tilt, step, count):
    series = tilt_series(max_tilt=max_tilt, tilt_step=step, scheme="dose_symmetric", total_dose=100)
    assert len(series.degrees) == count
    assert np.abs(series.degrees).max() <= max_tilt
    assert series.step == step
