"""What every way of finding candidates promises."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tomoscout.candidates import CANDIDATES
from tomoscout.core.volume import Volume

every_way = pytest.mark.parametrize("name", CANDIDATES.names())
SPACING = 20.0


@pytest.fixture(scope="module")
def volume():
    """Noise with a dozen dark balls of 160 Å."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (16, 40, 48)).astype(np.float32)
    z, y, x = np.indices(values.shape)
    for row in range(12):
        centre = 8, 6 + 9 * (row // 4), 6 + 12 * (row % 4)
        inside = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= 16
        values[inside] -= 3
    return Volume(values, SPACING, name="somewhere/noise.mrc")


def find(name, volume, seed=0, **options):
    module = CANDIDATES[name]
    rng = np.random.default_rng(seed)
    return module.find(volume, settings=module.Settings(**options), rng=rng)


@every_way
def test_candidates_lie_in_the_tomogram_best_first_and_say_so(name, volume):
    found = find(name, volume)
    assert len(found) >= 12
    assert found.names == ["candidate"]
    assert found.run == ""
    assert found.extent == volume.geometry.extent
    assert volume.geometry.contains(found.zyx).all()
    assert np.isfinite(found.scores).all()
    assert (np.diff(found.scores) <= 0).all()
    assert (found.scores > 0).all()


@every_way
def test_the_same_random_numbers_give_the_same_candidates(name, volume):
    one, other = find(name, volume), find(name, volume)
    np.testing.assert_array_equal(one.zyx, other.zyx)
    np.testing.assert_array_equal(one.scores, other.scores)


@every_way
def test_places_and_scores_do_not_depend_on_the_units_of_grey_values(name, volume):
    scaled = Volume(volume.data * 64 + 4096, SPACING)
    one, other = find(name, volume), find(name, scaled)
    np.testing.assert_allclose(other.zyx, one.zyx)
    np.testing.assert_allclose(other.scores, one.scores, rtol=1e-3)


@every_way
def test_a_finer_name_for_the_same_voxels_moves_places_only_with_the_spacing(name, volume):
    """Lengths are in ångström: half the voxel with half the settings finds the same voxels."""
    halves = {
        "dog": ({"diameters": (160.0,)}, {"diameters": (80.0,)}),
        "dark_components": (
            {"blur": 40.0, "area": (4000.0, 80000.0)},
            {"blur": 20.0, "area": (1000.0, 20000.0)},
        ),
        "uniform": ({}, {}),
    }
    whole, half = halves.get(name, ({}, {}))
    coarse = find(name, volume, **whole)
    fine = find(name, Volume(volume.data, SPACING / 2), **half)
    np.testing.assert_allclose(fine.zyx * 2, coarse.zyx)
    np.testing.assert_allclose(fine.scores, coarse.scores, rtol=1e-5)


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.candidates import CANDIDATES; CANDIDATES.names();"
        "assert not {'numpy', 'tomoscout.candidates.dog'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
