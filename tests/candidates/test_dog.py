import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tomoscout.candidates import dog
from tomoscout.candidates.dog import Settings, find
from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.core.volume import Volume

SPACING = 20.0
CENTRES = np.array([[200.0, 210, 230], [260, 640, 250], [400, 330, 660], [210, 700, 700]])  # Å
DIAMETERS = np.array([90.0, 140, 200, 280])


def balls(shape=(32, 46, 46), noise=0.3, seed=0):
    """One dark ball of each size, in noise."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, noise, shape)
    zyx = np.stack(np.indices(shape), axis=-1) * SPACING
    for centre, diameter in zip(CENTRES, DIAMETERS, strict=True):
        distance = np.linalg.norm(zyx - centre, axis=-1)
        values -= np.clip((diameter / 2 - distance) / SPACING + 0.5, 0, 1)  # smooth at its rim
    return values.astype(np.float32)


def look(values, **options):
    return find(Volume(values, SPACING), settings=Settings(**options), rng=np.random.default_rng(0))


def test_balls_of_every_size_are_found_once_at_their_middle():
    found = look(balls(), threshold=5.0)
    distance = cdist(CENTRES, found.zyx)
    assert len(found) == 4
    assert (distance.min(axis=1) <= 0.75 * np.maximum(SPACING, DIAMETERS / 8)).all()


def test_bright_balls_are_nothing():
    found = look(-balls(noise=0.0), threshold=2.0)
    assert not len(found) or cdist(CENTRES, found.zyx).min() > 40.0


def test_a_ball_answers_most_at_its_own_diameter():
    values = balls()
    for centre, diameter in zip(CENTRES[1:], DIAMETERS[1:], strict=True):
        scores = []
        for factor in (0.55, 1.0, 1.8):
            found = look(values, diameters=(diameter * factor,), threshold=0.5)
            near = np.linalg.norm(found.zyx - centre, axis=1) < 0.4 * diameter
            scores.append(found.scores[near].max(initial=0.0) * _noise_of(diameter * factor))
        assert scores[1] == max(scores)


def _noise_of(diameter):
    """Standard deviation of the answer at a diameter, to compare answers themselves."""
    volume = Volume(balls(), SPACING)
    sigma = diameter / (2 * np.sqrt(3)) / SPACING
    blurs = [sigma / np.sqrt(1.6), sigma * np.sqrt(1.6)]
    scale = dog.measure(volume)
    ((_, here, there),) = dog._answers(volume, scale, volume.geometry, blurs)
    return float(there[here].std())


def test_scores_are_deviations_from_the_mean_of_what_was_filtered():
    """In noise alone, the share of the tomogram above the lowest score is that of a Gaussian."""
    noise = np.random.default_rng(0).normal(0, 1, (32, 46, 46)).astype(np.float32)
    assert not len(look(noise, diameters=(120.0,), threshold=5.5))
    found = look(noise, diameters=(120.0,), threshold=2.0)
    assert 2.0 <= found.scores.min() < 2.2
    assert 2.5 < found.scores.max() < 5.5


@pytest.mark.parametrize("at_once", [1, 6 * 46 * 46])
def test_filtering_slab_by_slab_changes_nothing(monkeypatch, at_once):
    values = balls(shape=(33, 47, 46))  # no multiple of any stride
    whole = look(values, threshold=2.5)
    monkeypatch.setattr(dog, "_AT_ONCE", at_once)
    parts = look(values, threshold=2.5)
    np.testing.assert_array_equal(parts.zyx, whole.zyx)
    np.testing.assert_allclose(parts.scores, whole.scores, rtol=1e-9)


def test_coarser_lattices_put_a_blob_where_it_is():
    """A large, off-centre blob: the stride is 3, and half a cell lost would be 20 Å."""
    zyx = np.stack(np.indices((40, 48, 56)), axis=-1) * SPACING
    for centre in ([405.0, 433, 571], [361, 505, 523]):
        values = -np.exp(-0.5 * np.sum((zyx - centre) ** 2, axis=-1) / 90.0**2)
        found = look(values.astype(np.float32), diameters=(330.0,), threshold=3.0)
        assert np.abs(found.zyx[0] - centre).max() <= 30.0 + 1e-6  # half a cell
    assert int(330 / np.sqrt(12 * 1.6) / SPACING / 1.25) == 3


def test_a_large_ball_is_found_at_its_middle_though_its_rim_has_a_darker_spot():
    zyx = np.stack(np.indices((32, 46, 46)), axis=-1) * SPACING
    centre, spot = np.array([310.0, 450, 470]), np.array([310.0, 450, 600])
    values = -1.0 * (np.linalg.norm(zyx - centre, axis=-1) < 130)
    values -= 4 * np.exp(-0.5 * np.sum((zyx - spot) ** 2, axis=-1) / 25**2)
    found = look(values.astype(np.float32))
    assert np.linalg.norm(found.zyx[0] - spot) < 25
    assert np.linalg.norm(found.zyx - centre, axis=1).min() < 40


def test_the_limit_keeps_the_best():
    every, some = look(balls(), threshold=2.0), look(balls(), threshold=2.0, limit=3)
    np.testing.assert_array_equal(some.zyx, every.zyx[:3])


@pytest.mark.parametrize("diameters", [(), (100.0, 0.0)])
def test_diameters_that_are_none_are_refused(diameters):
    with pytest.raises(UserError, match="'diameters'"):
        validate(Settings, {"diameters": diameters}, source="candidates")


def test_an_empty_tomogram_is_refused():
    with pytest.raises(UserError, match="nothing to see in it"):
        look(np.zeros((8, 8, 8), np.float32))
