from __future__ import annotations

import numpy as np
import pytest

from tomoscout.ops.fourier import contrast_transfer, frequencies, tilt_coverage, wavelength


@pytest.mark.parametrize(("voltage", "expected"), [(100, 0.03701), (200, 0.02508), (300, 0.01969)])
def test_wavelengths_are_the_textbook_ones(voltage, expected):
    # Williams & Carter, Transmission Electron Microscopy, table 1.2
    assert wavelength(voltage) == pytest.approx(expected, abs=1e-5)


def test_the_first_zero_of_the_ctf_lies_where_defocus_puts_it():
    # sin(pi lambda defocus k^2) vanishes first at k = 1 / sqrt(lambda defocus)
    defocus = 30_000.0
    zero = 1 / np.sqrt(wavelength(300) * defocus)
    k = np.array([0.0, 0.99 * zero, zero, 1.01 * zero])
    ctf = contrast_transfer(k, defocus=defocus, spherical_aberration=0.0, amplitude_contrast=0.0)
    assert ctf[0] == 0
    assert ctf[1] > 0.03
    assert ctf[2] == pytest.approx(0, abs=1e-9)
    assert ctf[3] < -0.03


def test_amplitude_contrast_is_what_is_left_at_zero_frequency():
    ctf = contrast_transfer(np.zeros(1), defocus=2e4, amplitude_contrast=0.07)
    assert ctf[0] == pytest.approx(0.07)


def test_spherical_aberration_works_against_underfocus():
    k = np.array([1 / 40])
    phase = np.arcsin(contrast_transfer(k, defocus=5e3, amplitude_contrast=0.0))
    without = np.arcsin(
        contrast_transfer(k, defocus=5e3, amplitude_contrast=0.0, spherical_aberration=0.0)
    )
    length = wavelength(300)
    assert without[0] - phase[0] == pytest.approx(0.5 * np.pi * 2.7e7 * length**3 / 40**4)


def test_frequencies_are_those_of_rfftn():
    at = frequencies((4, 5, 6), voxel_spacing=10.0)
    assert at.z.tolist() == pytest.approx([0, 0.025, -0.05, -0.025])
    assert (len(at.y), len(at.x)) == (5, 4)
    assert at.x[-1] == pytest.approx(0.05)


def test_coverage_is_one_inside_the_tilt_range_and_nothing_beyond():
    at = frequencies((128, 8, 128), voxel_spacing=10.0)
    coverage = tilt_coverage(at, max_tilt=50.0, tilt_step=1.0, thickness=300.0)
    z, x = np.abs(at.z)[:, None], at.x[None, :]
    angle, radius = np.rad2deg(np.arctan2(z, x)), np.hypot(z, x)
    middle = (radius > 0.015) & (radius < 0.04)
    assert coverage[middle & (angle < 36)] == pytest.approx(1.0, abs=0.04)
    assert coverage[middle & (angle > 62)].max() < 0.02
    assert coverage[0, 0] == 0  # a tilt series says nothing about the mean


def test_wide_steps_leave_gaps_at_high_frequency_but_keep_the_average():
    at = frequencies((256, 8, 256), voxel_spacing=10.0)
    coverage = tilt_coverage(at, max_tilt=60.0, tilt_step=6.0, thickness=1500.0)
    z, x = at.z[:, None], at.x[None, :]
    angle, radius = np.rad2deg(np.abs(np.arctan2(z, x))), np.hypot(z, x)
    ring = (radius > 0.035) & (radius < 0.045) & (angle < 55)
    assert coverage[ring].min() < 0.05
    assert coverage[ring].max() > 2.0
    assert coverage[ring].mean() == pytest.approx(1.0, abs=0.15)
