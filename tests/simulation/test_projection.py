import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.simulation.projection import back_project, project
from tomoscout.simulation.reconstruction import weighted_back_projection
from tomoscout.simulation.tilt_series import tilt_series


def ball(shape, radius, centre=None):
    """A ball with soft edges one voxel wide, so that its volume is right."""
    centre = (np.array(shape) - 1) / 2 if centre is None else np.array(centre)
    at = np.indices(shape) - centre[:, None, None, None]
    return np.clip(radius + 0.5 - np.sqrt((at**2).sum(axis=0)), 0, 1).astype(np.float32)


@pytest.mark.parametrize("tilt", [0.0, 20.0, 45.0, -60.0])
def test_a_projected_sphere_has_the_analytic_profile(tilt):
    radius = 14.0
    image = project(ball((48, 48, 48), radius), [tilt], goes_on=False)[0]
    y, x = np.indices(image.shape) - 23.5
    chord = 2 * np.sqrt(np.clip(radius**2 - y**2 - x**2, 0, None))
    inner = np.hypot(y, x) < radius - 1.5
    assert np.abs(image - chord)[inner].max() < 0.6  # of 28
    assert np.abs(image - chord).mean() < 0.1


@settings(max_examples=15, deadline=None)
@given(tilt=st.floats(-80, 80), seed=st.integers(0, 100))
def test_a_projection_keeps_the_mass(tilt, seed):
    volume = np.zeros((16, 5, 64), np.float32)
    volume[6:10, :, 28:36] = np.random.default_rng(seed).random((4, 5, 8), np.float32)
    image = project(volume, [tilt], goes_on=False)[0]
    assert image.sum() == pytest.approx(volume.sum(), rel=1e-4)
    np.testing.assert_allclose(image.sum(axis=1), volume.sum(axis=(0, 2)), rtol=1e-4)


@pytest.mark.parametrize("tilt", [-50.0, -10.0, 0.0, 30.0, 60.0])
def test_a_tilted_point_falls_where_the_convention_says(tilt):
    volume = np.zeros((32, 8, 64), np.float32)
    volume[24, 3, 40] = 1.0
    row = project(volume, [tilt], goes_on=False)[0][3]
    angle = np.deg2rad(tilt)
    expected = (40 - 31.5) * np.cos(angle) + (24 - 15.5) * np.sin(angle) + 31.5
    assert (row @ np.arange(64)) / row.sum() == pytest.approx(expected, abs=0.02)


def test_beyond_its_sides_the_sample_goes_on():
    slab = np.ones((20, 4, 50), np.float32)
    image = project(slab, [60.0])[0]
    assert image.min() == pytest.approx(20 / np.cos(np.pi / 3), rel=0.03)
    assert image.max() == pytest.approx(20 / np.cos(np.pi / 3), rel=0.03)


def test_back_projection_is_the_same_in_slabs_and_puts_a_point_on_its_ray():
    images = np.zeros((1, 4, 41), np.float32)
    images[0, 2, 30] = 1.0
    volume = back_project(images, [45.0], depth=37)
    z, x = np.unravel_index(np.argsort(volume[:, 2].ravel())[-10:], volume[:, 2].shape)
    on_ray = (x - 20) * np.cos(np.pi / 4) + (z - 18) * np.sin(np.pi / 4)
    assert np.abs(on_ray - 10).max() < 0.5
    assert volume[:, [0, 1, 3]].max() == 0


def test_a_reconstructed_point_has_the_missing_wedge():
    series = tilt_series(max_tilt=45, tilt_step=1.5, scheme="dose_symmetric", total_dose=100)
    shape = (64, 16, 64)
    point = np.zeros(shape, np.float32)
    point[32, 8, 32] = 1.0
    images = project(point, series.degrees.tolist())
    found = weighted_back_projection(images, series, depth=64)
    assert np.unravel_index(found.argmax(), shape) == (32, 8, 32)
    spectrum = np.abs(np.fft.fftshift(np.fft.fftn(found)))[:, 8]  # plane of k_y = 0
    z, x = np.indices(spectrum.shape) - 32
    middle = (np.hypot(z, x) > 6) & (np.hypot(z, x) < 20)
    angle = np.degrees(np.arctan2(np.abs(z), np.abs(x)))
    seen, missing = spectrum[middle & (angle < 40)], spectrum[middle & (angle > 52)]
    assert 0.6 < np.median(seen) < 1.1  # the sample's own scale, less two interpolations
    assert np.median(missing) < 0.12 * np.median(seen)


def test_back_projection_gives_a_ball_back_at_its_place_and_scale():
    series = tilt_series(max_tilt=88, tilt_step=2, scheme="continuous", total_dose=100)
    truth = ball((48, 20, 48), 7, centre=(20, 10, 28))
    images = project(truth, series.degrees.tolist(), goes_on=False)
    found = weighted_back_projection(images, series, depth=48)
    where = truth > 0.99
    assert found[where].mean() == pytest.approx(1.0, abs=0.12)
    weights = np.where(found > 0.5, found, 0)
    centre = [(weights * axis).sum() / weights.sum() for axis in np.indices(truth.shape)]
    np.testing.assert_allclose(centre, (20, 10, 28), atol=0.1)
