"""Intensity, gamma and noise: what they do to grey values."""

import numpy as np

from tomoscout.augment import gamma, intensity, noise
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume

DATA = np.random.default_rng(0).standard_normal((12, 13, 14)).astype(np.float32)


def run(module, seed: int, **options) -> np.ndarray:
    settings, rng = module.Settings(probability=1.0, **options), np.random.default_rng(seed)
    return module.apply(Volume(DATA, 10.0), Picks.empty(), settings=settings, rng=rng)[0].read()


def test_intensity_is_a_line_within_its_limits():
    lines = np.array([np.polyfit(DATA.ravel(), run(intensity, s).ravel(), 1) for s in range(60)])
    assert 0.899 < lines[:, 0].min() < 0.93 < 1.07 < lines[:, 0].max() < 1.101
    assert -0.101 < lines[:, 1].min() < -0.07 < 0.07 < lines[:, 1].max() < 0.101


def test_gamma_keeps_the_ends_and_the_order_and_bends_both_ways():
    changes = []
    for seed in range(20):
        out = run(gamma, seed)
        np.testing.assert_allclose((out.min(), out.max()), (DATA.min(), DATA.max()), rtol=1e-5)
        assert (np.diff(out.ravel()[DATA.ravel().argsort()]) >= -1e-5).all()
        changes.append(float((out - DATA).mean()))
    assert min(changes) < -0.1 < 0.1 < max(changes)


def test_noise_is_white_and_of_the_strength_drawn():
    added = np.array([run(noise, seed, sigma=0.5) - DATA for seed in range(60)])
    strengths = added.std(axis=(1, 2, 3))
    assert 0 < strengths.min() < 0.1 < 0.4 < strengths.max() < 0.53
    assert abs(added.mean()) < 0.01
    neighbours = (added[..., 1:] * added[..., :-1]).mean() / (added**2).mean()
    assert abs(neighbours) < 0.02
