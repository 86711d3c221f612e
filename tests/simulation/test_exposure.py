import numpy as np
import pytest

from tomoscout.simulation.exposure import Optics, electrons, expose, fading, interaction, misalign

OPTICS = Optics(
    voltage=300,
    spherical_aberration=2.7,
    amplitude_contrast=0.07,
    envelope=0.0,
    potential=2.5,
    ice_noise=0.0,
    damage=0.0,
)
ONE = {"pixel": 5.0, "tilt": 0.0, "thickness": 1000.0, "before": 0.0, "dose": 3.0}


def test_electrons_of_300_kv_turn_by_0_65_mrad_per_volt_and_angstrom():
    assert interaction(300) == pytest.approx(6.526e-4, rel=1e-3)  # Kirkland 2010
    assert interaction(200) == pytest.approx(7.288e-4, rel=1e-3)


def test_contrast_transfer_has_its_zeros_where_the_formula_says():
    defocus, size = 30_000.0, 512
    point = np.zeros((size, size), np.float32)
    point[size // 2, size // 2] = 0.01
    image = expose(point, optics=OPTICS, defocus=defocus, rng=None, **ONE)
    spectrum = np.fft.fft2(np.fft.ifftshift(image))[0].real[: size // 2]
    frequency = np.arange(size // 2) / (size * 5.0)
    crossed = np.flatnonzero(np.diff(np.sign(spectrum)) != 0)
    found = frequency[crossed] + 0.5 / (size * 5.0)
    # pi L dz k^2 - pi/2 Cs L^3 k^4 + asin(0.07) = n pi, with L = 0.0197 Å, solved for k.
    a, b = np.pi * 0.019687 * defocus, 0.5 * np.pi * 2.7e7 * 0.019687**3
    wanted = [
        np.sqrt((a - np.sqrt(a**2 - 4 * b * (n * np.pi - np.arcsin(0.07)))) / (2 * b))
        for n in range(1, 5)
    ]
    np.testing.assert_allclose(found[:4], wanted, atol=0.6 / (size * 5.0))


def test_protein_is_dark_at_low_frequency():
    y, x = np.indices((128, 128)) - 64
    blob = np.exp(-(y**2 + x**2) / (2 * 12.0**2)).astype(np.float32)
    image = expose(blob, optics=OPTICS, defocus=30_000.0, rng=None, **ONE)
    assert image[64, 64] < 0


def test_radiation_fades_fine_detail_first_at_the_published_rate():
    # Critical dose at 10 Å: 0.24499 * 0.1^-1.6649 + 2.8141 = 14.14 e/Å^2.
    assert fading(np.array([0.1]), 14.14 * 2 * np.log(2), 0.0)[0] == pytest.approx(0.5, abs=1e-3)
    left = fading(np.array([1 / 100, 1 / 30, 1 / 10]), 60.0, 3.0)
    assert np.all(np.diff(left) < 0)


def test_fewer_electrons_pass_thick_ice_and_high_tilts():
    at = {"pixel": 10.0, "thickness": 3200.0}
    assert electrons(3.0, tilt=0.0, **at) == pytest.approx(300 / np.e)
    assert electrons(3.0, tilt=60.0, **at) == pytest.approx(300 / np.e**2)


def test_noise_is_that_of_counted_electrons():
    flat = np.zeros((256, 256), np.float32)
    rng = np.random.default_rng(0)
    image = expose(flat, optics=OPTICS, defocus=30_000.0, rng=rng, **ONE)
    mean = electrons(3.0, pixel=5.0, thickness=1000.0, tilt=0.0)
    assert image.std() == pytest.approx(1 / np.sqrt(mean), rel=0.02)
    assert abs(image.mean()) < 4 / np.sqrt(mean * image.size)


def test_misalignment_moves_by_what_it_says():
    image = np.zeros((65, 65), np.float32)
    image[30:35, 40:45] = 1.0
    moved = misalign(image, shift=(3.0, -2.5), degrees=0.0)
    y, x = np.indices(image.shape)
    assert (moved * y).sum() / moved.sum() == pytest.approx(35.0, abs=0.02)
    assert (moved * x).sum() / moved.sum() == pytest.approx(39.5, abs=0.02)
