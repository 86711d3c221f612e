import numpy as np

from tomoscout.augment.rotate import Settings, apply
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume

VOLUME = Volume(np.zeros((11, 21, 21), np.float32), 10.0)
MIDDLE = np.array([50.0, 100.0, 100.0])


def directions(arm: np.ndarray, **options) -> np.ndarray:
    """Where an arm from the centre points after each of many rotations."""
    picks = Picks((MIDDLE + arm)[None], "a")
    settings = Settings(probability=1.0, **options)
    moved = [
        apply(VOLUME, picks, settings=settings, rng=np.random.default_rng(seed))[1].zyx[0]
        for seed in range(300)
    ]
    return np.array(moved) - MIDDLE


def test_without_tilt_particles_keep_their_height_and_go_all_around():
    found = directions(np.array([20.0, 70.0, 0.0]), tilt=0.0)
    np.testing.assert_allclose(found[:, 0], 20.0)
    angles = np.degrees(np.arctan2(found[:, 2], found[:, 1]))
    assert np.histogram(angles, bins=6, range=(-180, 180))[0].min() > 25  # 50 are expected


def test_tilts_stay_within_their_limit():
    found = directions(np.array([10.0, 0.0, 0.0]), angle=0.0, tilt=8.0)
    tilts = np.degrees(np.arccos(found[:, 0] / 10.0))
    assert 8.0 < tilts.max() <= 8.0 * np.sqrt(2) + 0.1
    assert found[:, 1].min() < -0.5 < 0.5 < found[:, 1].max()
    assert found[:, 2].min() < -0.5 < 0.5 < found[:, 2].max()


def test_lengths_stay():
    found = directions(np.array([10.0, 20.0, 30.0]), tilt=20.0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.sqrt(1400))
