from __future__ import annotations

import numpy as np
import pytest

from tomoscout.simulation.ice import Ice, draw_ice, draw_patches, ice_around

EXTENT = (1842.0, 6308.0, 6308.0)


def slab(**options):
    chosen = {
        "middle": 800.0,
        "thickness": 600.0,
        "slope": (0.0, 0.0),
        "wedge": (0.0, 0.0),
        "lens": 0.0,
        "hole": (3154.0, 3154.0),
        "limits": (0.0, 1600.0),
    }
    return Ice(extent=EXTENT, **{**chosen, **options})


def thickness(ice, y, x):
    low, high = ice.surfaces(np.array([y]), np.array([x]))
    return float(high[0] - low[0])


def test_a_plain_slab_has_its_thickness_everywhere():
    assert thickness(slab(), 0.0, 6308.0) == pytest.approx(600.0)
    assert slab().volume == pytest.approx(600.0 * 6308.0**2)


def test_a_wedge_grows_across_the_volume():
    ice = slab(wedge=(0.4, 0.0))
    assert thickness(ice, 0.0, 3154.0) == pytest.approx(480.0)
    assert thickness(ice, 6308.0, 3154.0) == pytest.approx(720.0)


def test_a_lens_is_thinner_in_the_middle_of_the_hole():
    ice = slab(lens=0.5)
    assert thickness(ice, 3154.0, 3154.0) == pytest.approx(300.0)
    assert thickness(ice, 0.0, 0.0) == pytest.approx(600.0)
    assert 300.0 < thickness(ice, 3154.0, 5000.0) < 600.0


def test_a_slope_lifts_both_surfaces():
    low, high = slab(slope=(0.0, 300.0)).surfaces(np.full(2, 3154.0), np.array([0.0, 6308.0]))
    assert np.diff(low) == pytest.approx([300.0])
    assert np.diff(high) == pytest.approx([300.0])


@pytest.mark.parametrize("seed", range(20))
def test_drawn_ice_stays_between_its_limits_and_never_ends(seed):
    ice = draw_ice(
        EXTENT,
        thickness=(0.2, 0.9),
        slope=1.0,
        wedge=(0.0, 0.5),
        lens=(0.0, 0.5),
        ceiling=0.85,
        rng=np.random.default_rng(seed),
    )
    y, x = np.random.default_rng(seed).uniform(0, 6308, (2, 1000))
    low, high = ice.surfaces(y, x)
    assert low.min() >= 0.02 * 1842 - 1e-9
    assert high.max() <= 0.85 * 1842 + 1e-9
    assert (high - low).min() > 30.0


def test_ice_around_picks_is_their_plane_and_thickness():
    rng = np.random.default_rng(1)
    yx = rng.uniform(0, 6308, (300, 2))
    z = 700 + 400 * (yx[:, 0] / 6308 - 0.5) + rng.uniform(-250, 250, 300)
    ice = ice_around(np.column_stack([z, yx]), ice=slab())
    assert ice.slope == pytest.approx((400.0, 0.0), abs=80.0)
    assert ice.middle == pytest.approx(700.0, abs=30.0)
    assert ice.thickness == pytest.approx(500.0, abs=50.0)
    assert ice_around(np.column_stack([z, yx])[:5], ice=slab()) == slab()


def test_patches_scatter_by_their_strength():
    y, x = np.random.default_rng(0).uniform(0, 6308, (2, 4000))
    even = draw_patches(EXTENT, strength=0.0, rng=np.random.default_rng(0)).weight(y, x)
    assert np.all(even == 1)
    spread = []
    for seed in range(10):
        weight = draw_patches(EXTENT, strength=0.4, rng=np.random.default_rng(seed)).weight(y, x)
        assert weight.min() > 0
        assert weight.max() <= 1
        spread.append(np.std(np.log(weight)))
    assert np.mean(spread) == pytest.approx(0.4, rel=0.25)
