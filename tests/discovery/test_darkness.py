import numpy as np
import pytest

from tomoscout.core.volume import Volume
from tomoscout.discovery import darkness
from tomoscout.discovery.darkness import darkness_at, standardised

SPACING = 10.0
CENTRE = np.array([200.0, 250.0, 300.0])


@pytest.fixture(scope="module")
def volume():
    """Noise on a slope of thickness, with one dark ball of radius 60 Å."""
    rng = np.random.default_rng(0)
    data = rng.normal(0, 0.5, (40, 60, 60)).astype(np.float32)
    data += np.linspace(-5, 5, 60, dtype=np.float32)
    zyx = np.indices(data.shape).transpose(1, 2, 3, 0) * SPACING
    data[((zyx - CENTRE) ** 2).sum(axis=-1) < 60**2] -= 3
    return Volume(data, SPACING)


def grid():
    axes = (np.arange(40, 400, 40.0), np.arange(50, 600, 50.0), np.arange(50, 600, 50.0))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def test_the_middle_of_a_particle_is_the_darkest_place_and_its_surroundings_the_brightest(volume):
    places = grid()
    dark = darkness_at(volume, places, radius=60)
    assert places[dark.argmax()].tolist() == CENTRE.tolist()
    assert dark.max() > 10
    beside = np.linalg.norm(places - CENTRE, axis=1)
    assert dark[(beside > 90) & (beside < 120)].mean() < -1
    far = (beside > 200) & (np.abs(places[:, 2] - 300) < 200)
    assert np.corrcoef(dark[far], places[far, 2])[0, 1] == pytest.approx(0, abs=0.15)  # no slope


def test_it_is_the_mean_of_the_shell_less_that_of_the_cube():
    data = np.random.default_rng(3).normal(size=(21, 21, 21)).astype(np.float32)
    inner, outer = data[8:13, 8:13, 8:13], data[5:16, 5:16, 5:16]
    shell = (outer.sum() - inner.sum()) / (outer.size - inner.size)
    found = darkness._contrast(data, 5, 11)[10, 10, 10]
    assert found == pytest.approx(shell - inner.mean(), abs=1e-5)


def test_slabs_and_grey_values_make_no_difference(volume, monkeypatch):
    places = grid()
    whole = darkness_at(volume, places, radius=60)
    scaled = darkness_at(Volume(7 * volume.data + 100, SPACING), places, radius=60)
    np.testing.assert_allclose(scaled, whole, atol=2e-3)
    monkeypatch.setattr(darkness, "_AT_ONCE", 1)
    np.testing.assert_allclose(darkness_at(volume, places, radius=60), whole, atol=1e-4)


def test_places_beyond_the_edge_are_those_at_the_edge(volume):
    places = np.array([[-50.0, 100, 100], [0, 100, 100], [395, 100, 100], [390, 100, 100]])
    dark = darkness_at(volume, places, radius=40)
    assert dark[0] == dark[1]
    assert dark[2] == dark[3]


def test_a_few_gold_beads_do_not_set_the_scale():
    values = np.random.default_rng(0).normal(3, 2, 4000)
    values[:20] = 1e4
    assert np.std(standardised(values)[20:]) == pytest.approx(1, abs=0.05)
    assert standardised(np.full(5, 4.0)).tolist() == [0] * 5
