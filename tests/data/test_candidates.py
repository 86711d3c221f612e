import numpy as np

from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data.candidates import candidates_in


def test_bright_protein_is_found_where_dark_protein_would_be():
    data = np.random.default_rng(0).normal(0, 0.2, (24, 32, 32)).astype(np.float32)
    grid = np.indices(data.shape)
    data[np.sqrt(((grid - np.array([12, 16, 20])[:, None, None, None]) ** 2).sum(0)) < 5] -= 3.0
    dog = Choice(name="dog", diameters=[100.0])
    dark = candidates_in(Volume(data, 10.0), dog, bright=False, seed=0)
    bright = candidates_in(Volume(-data, 10.0), dog, bright=True, seed=0)
    np.testing.assert_allclose(dark[0], [120.0, 160.0, 200.0], atol=20.0)
    np.testing.assert_allclose(bright, dark)
