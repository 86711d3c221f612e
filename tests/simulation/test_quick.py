from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from tomoscout.simulation.quick import Conditions, QuickSettings, draw, image, transfer

SPACING = 10.0


def conditions(**changes):
    middle = {name: float(np.mean(value)) for name, value in QuickSettings().model_dump().items()}
    return Conditions(**(middle | changes))


def blob(shape=(64, 64, 64), sigma=3.0):
    offset = np.indices(shape) - np.array(shape)[:, None, None, None] // 2
    return np.exp(-0.5 * (offset**2).sum(axis=0) / sigma**2).astype(np.float32)


def seen(density, seed=0, **changes):
    return image(
        density.copy(),
        voxel_spacing=SPACING,
        conditions=conditions(**changes),
        rng=np.random.default_rng(seed),
    )


def test_protein_is_dark():
    tomogram = seen(blob(), noise=0.0)
    assert np.unravel_index(tomogram.argmin(), tomogram.shape) == (32, 32, 32)
    assert tomogram[32, 32, 32] < np.median(tomogram) - 5 * tomogram.std()
    noisy = seen(blob(), noise=0.1)
    assert noisy[31:34, 31:34, 31:34].mean() < np.median(noisy) - 3 * noisy.std()


def test_a_particle_stays_where_it_is():
    moved = np.roll(blob(), (5, -7, 9), axis=(0, 1, 2))
    tomogram = seen(moved, noise=0.0)
    assert np.unravel_index(tomogram.argmin(), tomogram.shape) == (37, 25, 41)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_missing_wedge_is_empty_for_signal_and_noise_alike(noise):
    rng = np.random.default_rng(1)
    density = rng.standard_normal((96, 32, 96)).astype(np.float32)
    tomogram = seen(density, noise=noise, max_tilt=50.0, tilt_step=2.0)
    power = np.abs(np.fft.rfftn(tomogram.astype(np.float64))) ** 2
    z = np.abs(np.fft.fftfreq(96))[:, None, None]
    x = np.fft.rfftfreq(96)[None, None, :]
    angle = np.rad2deg(np.arctan2(z, x)) + np.zeros(power.shape)
    band = (np.hypot(z, x) > 0.08) & (np.hypot(z, x) < 0.3) & np.ones(power.shape, bool)
    filled, missing = power[band & (angle < 48)].mean(), power[band & (angle > 62)].mean()
    assert missing < 1e-3 * filled


def test_the_wedge_smears_along_z_and_not_along_y():
    tomogram = -seen(blob(sigma=2.0), noise=0.0, max_tilt=45.0)
    offset = np.arange(64) - 32.0

    def width(profile):
        half = profile > profile.max() / 2
        return half[(np.abs(offset) < 12)].sum()

    z, y = width(tomogram[:, 32, 32]), width(tomogram[32, :, 32])
    assert z > 1.3 * y


def test_more_noise_means_less_contrast():
    contrasts = []
    for noise in (0.05, 0.1, 0.2, 0.4):
        tomogram = seen(blob(), noise=noise, drift=2500.0)
        background = tomogram[:, :12]
        contrasts.append((np.median(background) - tomogram[32, 32, 32]) / background.std())
    assert contrasts == sorted(contrasts, reverse=True)
    assert contrasts[0] / contrasts[1] == pytest.approx(2.0, rel=0.25)


def test_noise_is_the_same_for_every_voxel_size_per_volume_of_sample():
    # A plane wave of 160 Å in the same box: its power over that of the noise at frequencies
    # around it is a property of the sample and not of the voxel.
    ratios = []
    for n, spacing in ((128, 5.0), (64, 10.0)):
        wave = np.cos(2 * np.pi * np.arange(n) * spacing / 160).astype(np.float32)
        tomogram = image(
            np.broadcast_to(wave, (n, n, n)).copy(),
            voxel_spacing=spacing,
            conditions=conditions(noise=0.2, envelope=0.0, smoothing=0.0),
            rng=np.random.default_rng(0),
        )
        power = np.abs(np.fft.rfftn(tomogram.astype(np.float64))) ** 2
        around = np.concatenate([power[:2, 1:9, 3:6], power[:2, -8:, 3:6]])
        ratios.append(power[0, 0, 4] / around.mean())
    assert ratios[0] / ratios[1] == pytest.approx(1.0, rel=0.4)


def test_the_tomogram_has_the_asked_mean_and_spread():
    tomogram = seen(blob(), noise=0.1, contrast=7.2e-6, offset=5.3e-8)
    assert tomogram.std() == pytest.approx(7.2e-6, rel=1e-4)
    assert tomogram.mean() == pytest.approx(5.3e-8, rel=1e-2)
    assert tomogram.dtype == np.float32


def test_a_stronger_wiener_filter_restores_low_frequencies():
    k = np.array([1 / 400, 1 / 40])
    weak, strong = (
        transfer(k, conditions(restoration=power, highpass=3000.0))[0] for power in (1.0, 3.0)
    )
    assert strong[0] / strong[1] > 5 * weak[0] / weak[1]
    assert strong[0] > 0.5


def test_signal_transfer_is_never_negative_after_the_wiener_filter():
    signal, noise = transfer(np.linspace(0, 0.08, 500), conditions(defocus=45_000.0))
    assert signal.min() >= 0
    assert np.isfinite(noise).all()


def test_conditions_lie_in_their_ranges_and_differ_between_draws():
    settings = QuickSettings()
    rng = np.random.default_rng(0)
    draws = [draw(settings, rng) for _ in range(30)]
    for name, value in settings.model_dump().items():
        found = np.array([getattr(d, name) for d in draws])
        if isinstance(value, tuple):
            assert value[0] <= found.min() < found.max() <= value[1]
        else:
            assert np.all(found == value)
    assert {f.name for f in dataclasses.fields(Conditions)} == set(settings.model_dump())


@pytest.mark.parametrize("workers", [2, 3])
def test_the_result_does_not_depend_on_the_number_of_workers(workers):
    density = np.random.default_rng(0).random((46, 63, 70), np.float32)
    one, many = (
        image(
            density.copy(),
            voxel_spacing=SPACING,
            conditions=conditions(),
            rng=np.random.default_rng(0),
            workers=n,
        )
        for n in (1, workers)
    )
    assert one.tobytes() == many.tobytes()


def test_an_empty_scene_gives_noise_and_a_noiseless_one_gives_no_nan():
    assert seen(np.zeros((16, 16, 16), np.float32)).std() > 0
    assert not seen(np.zeros((16, 16, 16), np.float32), noise=0.0, offset=0.0).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tilt": (0.0, 60.0)},
        {"max_tilt": (45.0, 90.0)},
        {"noise": (-0.1, 0.1)},
        {"noise": (0.2, 0.1)},
        {"tilt_step": (0.0, 3.0)},
        {"nois": (0.1, 0.2)},
    ],
)
def test_impossible_conditions_are_refused(wrong):
    with pytest.raises(ValidationError):
        QuickSettings(**wrong)
