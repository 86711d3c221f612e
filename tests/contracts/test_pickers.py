"""Every picker keeps the promise of its family."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.pickers import PICKERS

NAMES = PICKERS.names()
PLANTED = np.array([[60.0, 75.0, 80.0], [140.0, 220.0, 105.0], [95.0, 130.0, 290.0]])
HEIGHTS = np.array([0.6, 0.95, 0.8])


def bumps(geometry, dtype=np.float16):
    axes = [np.arange(n) for n in geometry.cells]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    bump = HEIGHTS * np.exp(-0.5 * (cdist(geometry.to_angstrom(cells), PLANTED) / 25.0) ** 2)
    return bump.max(axis=1).reshape(geometry.cells).astype(dtype)


def pick(name, score, geometry, threshold=0.3):
    module = PICKERS[name]
    return module.find_picks(
        score,
        geometry=geometry,
        radius=60.0,
        name="apo-ferritin",
        threshold=threshold,
        settings=module.Settings(),
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_planted_bumps_come_back_best_first_in_angstrom(name, stride, dtype):
    geometry = Geometry((20, 31, 40), 10.0, stride)
    picks = pick(name, bumps(geometry, dtype), geometry)
    best_first = np.argsort(-HEIGHTS)
    assert np.linalg.norm(picks.zyx - PLANTED[best_first], axis=1).max() < 3.0 * stride
    np.testing.assert_allclose(picks.scores, HEIGHTS[best_first], atol=0.15 * stride)
    assert np.all(np.diff(picks.scores) <= 0)
    assert picks.names == ["apo-ferritin"]
    assert picks.extent == geometry.extent
    assert picks.run == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_map_without_scores_at_the_threshold_gives_no_picks(name):
    geometry = Geometry((8, 9, 10), 10.0)
    picks = pick(name, np.full(geometry.cells, 0.2, np.float16), geometry)
    assert isinstance(picks, Picks)
    assert len(picks) == 0
    assert picks.extent == geometry.extent


@pytest.mark.parametrize("name", NAMES)
def test_a_map_of_one_cell_can_be_picked(name):
    geometry = Geometry((1, 1, 1), 10.0)
    np.testing.assert_array_equal(pick(name, np.ones((1, 1, 1)), geometry).zyx, np.zeros((1, 3)))


@pytest.mark.parametrize("name", NAMES)
def test_the_map_is_left_as_it_was_and_may_be_a_view(name):
    geometry = Geometry((20, 31, 40), 10.0)
    score = bumps(geometry)
    turned = np.ascontiguousarray(score.T).T  # not contiguous
    turned.setflags(write=False)
    np.testing.assert_array_equal(pick(name, turned, geometry).zyx, pick(name, score, geometry).zyx)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), threshold=st.floats(0.05, 1.0), stride=st.integers(1, 3))
def test_every_pick_reaches_the_threshold_and_lies_inside(seed, threshold, stride):
    geometry = Geometry((7, 10, 12), 10.0, stride)
    score = np.random.default_rng(seed).random(geometry.cells).astype(np.float16)
    for name in NAMES:
        picks = pick(name, score, geometry, threshold)
        assert np.all(picks.scores >= threshold)
        assert geometry.contains(picks.zyx).all()


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5, float("nan")])
@pytest.mark.parametrize("name", NAMES)
def test_a_threshold_out_of_range_is_refused(name, threshold):
    geometry = Geometry((4, 4, 4), 10.0)
    with pytest.raises(UserError, match="threshold of 'apo-ferritin'"):
        pick(name, np.zeros(geometry.cells, np.float32), geometry, threshold)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", NAMES)
def test_values_that_are_not_numbers_are_refused(name, bad):
    geometry = Geometry((4, 4, 4), 10.0)
    score = np.zeros(geometry.cells, np.float16)
    score[1, 2, 3] = bad
    with pytest.raises(UserError, match="not numbers"):
        pick(name, score, geometry)


@pytest.mark.parametrize("name", NAMES)
def test_a_map_on_another_lattice_is_refused(name):
    with pytest.raises(ValueError, match="lattice"):
        pick(name, np.zeros((4, 4, 4), np.float32), Geometry((4, 4, 4), 10.0, 2))


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_setting_is_refused(name):
    with pytest.raises(ValueError, match="distanse"):
        PICKERS[name].Settings(distanse=1.0)


def test_listing_imports_nothing():
    code = (
        "import sys; from tomoscout.pickers import PICKERS; PICKERS.names(); "
        "assert not {'scipy', 'cc3d', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    thresholds=st.tuples(st.floats(0.05, 1.0), st.floats(0.05, 1.0)),
    cells=st.floats(0.05, 0.95),
    kind=st.sampled_from(["max", "mean", "percentile_90"]),
    downsample=st.integers(1, 2),
)
def test_with_cells_of_its_own_a_threshold_only_drops_picks(
    seed, thresholds, cells, kind, downsample
):
    geometry = Geometry((9, 12, 14), 10.0)
    score = np.random.default_rng(seed).random(geometry.cells) ** 3
    score = ndimage.gaussian_filter(score, 0.7).astype(np.float16)
    for name in NAMES:
        module = PICKERS[name]
        if "cells" not in module.Settings.model_fields:
            continue
        chosen = module.Settings(cells=cells, score=kind, downsample=downsample, distance=0.3)
        assert module.is_nested(chosen)
        low, high = (
            module.find_picks(
                score, geometry=geometry, radius=25.0, name="it", threshold=t, settings=chosen
            )
            for t in sorted(thresholds)
        )
        kept = low.above({"it": max(thresholds)})
        np.testing.assert_array_equal(high.zyx, kept.zyx)
        np.testing.assert_array_equal(high.score_array, kept.score_array)


def test_the_pickers_of_regions_have_cells_of_their_own():
    with_cells = [name for name in NAMES if "cells" in PICKERS[name].Settings.model_fields]
    assert {"components", "mean_shift", "watershed"} <= set(with_cells)


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(PICKERS[name], "widened")])
def test_widened_settings_let_a_larger_particle_through(name):
    """A ball of 180 Å, where the smallest object has 60: 27 times its volume."""
    module, geometry = PICKERS[name], Geometry((48, 48, 48), 10.0)
    zyx = geometry.to_angstrom(np.stack(np.indices(geometry.cells), axis=-1).reshape(-1, 3))
    apart = np.linalg.norm(zyx - 240.0, axis=1).reshape(geometry.cells)
    score = np.where(apart <= 180, 0.9 - apart / 900, 0).astype(np.float16)
    given = {"geometry": geometry, "radius": 60.0, "name": "it", "threshold": 0.3}
    found = module.find_picks(score, **given, settings=module.widened(module.Settings(), 3.0))
    assert np.linalg.norm(found.zyx - 240.0, axis=1).min() < 30
